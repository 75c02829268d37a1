# SPDX-License-Identifier: BSD-3-Clause
"""The page in a real browser: search, zoom, choosing a call, the first violation, size."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from harness.tap import Recording
from harness.tests.browser import (
    browser,
    complaints,
    emulate,
    open_page,
    require_browser,
    wait_until,
)
from harness.tests.browser import settle as settle_frame
from harness.tests.tap_files import Writer
from harness.tests.timeline_story import RD, RD2, REC, Story, story
from harness.timeline import Mark, rows, write_page

if TYPE_CHECKING:
    from selenium.webdriver.chrome.webdriver import WebDriver
    from selenium.webdriver.remote.webelement import WebElement

MARK = Mark(33, "violation", "mmio-answered", "EMUL_MMIO although nothing was to be emulated")
MANY = 110_000
DRAWN = """
const {scene, model, painter} = timeline, bars = new Bars(scene);
const lane = model.lanes.findIndex((lane) => lane.label === arguments[0]);
for (const row of painter.inView(model.laneRows[lane])) bars.add(row);
return [...bars.single, ...bars.columns.values()];
"""
READY = "document.documentElement.dataset.ready === 'yes'"


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebDriver]:
    require_browser()
    with browser(tmp_path_factory.mktemp("profile"), 1280, 850) as driver:
        yield driver


@pytest.fixture
def page(shared: WebDriver, tmp_path: Path) -> Iterator[WebDriver]:
    emulate(shared, 1280, 850, dark=False, phone=False)
    open_page(shared, make(tmp_path, story()), READY)
    complaints(shared)
    yield shared
    assert complaints(shared) == []


def make(folder: Path, writer: Writer, **settings: Any) -> Path:
    path = folder / "timeline.html"
    recording = Recording(writer.write(folder / "x.tap"))
    settings.setdefault("marks", [MARK])
    write_page(path, rows(recording), title="t.py::test[a-1]", facts={"stack": "x"}, **settings)
    return path


def settle(page: WebDriver) -> None:
    """Wait for the frame, and for the details that are being unpacked."""
    settle_frame(page)
    page.execute_async_script("Promise.resolve(timeline.shown).then(arguments[0])")


def by_id(page: WebDriver, name: str) -> WebElement:
    return page.find_element("id", name)


def press(page: WebDriver, name: str) -> None:
    by_id(page, name).click()
    settle(page)


def look_for(page: WebDriver, text: str) -> str:
    field = by_id(page, "search")
    field.clear()
    field.send_keys(text, "\n")
    settle(page)
    return by_id(page, "hits").text


def chosen(page: WebDriver) -> int:
    return int(page.execute_script("return timeline.model.seq[timeline.chosen]"))


def view(page: WebDriver) -> tuple[float, float]:
    a, b = page.execute_script("return [timeline.scene.a, timeline.scene.b]")
    return float(a), float(b)


def spot(page: WebDriver, seq: int) -> tuple[float, float]:
    """Where the middle of a call is drawn, from the middle of the canvas."""
    x, y = page.execute_script(
        "const {scene, model} = timeline, row = model.rowOf(arguments[0]);"
        "const box = document.getElementById('plot').getBoundingClientRect();"
        "const x = (scene.x(model.from[row]) + scene.x(model.to[row])) / 2;"
        "const y = scene.y(scene.lanes.indexOf(model.lane[row])) + 13;"
        "return [x - box.width / 2, y - box.height / 2]",
        seq,
    )
    return float(x), float(y)


def click(page: WebDriver, seq: int) -> None:
    from selenium.webdriver import ActionChains

    x, y = spot(page, seq)
    plot = by_id(page, "plot")
    ActionChains(page).move_to_element_with_offset(plot, round(x), round(y)).click().perform()
    settle(page)


@pytest.mark.parametrize(
    ("words", "hits", "first"),
    [
        ("rtt_read", 2, 23),
        ("RMI_REC_ENTER", 5, 16),
        ("rec_enter error_input", 1, 41),
        (f"{RD2:#x}", 3, 44),
        (f"{REC + 0x7000:#x}", 1, 7),
        ("realm 1 rec 0", 2, 18),
        ("failed", 2, 41),
        ("nothing like this", 0, None),
    ],
)
def test_search_by_command_address_status(
    page: WebDriver, words: str, hits: int, first: int | None
) -> None:
    told = look_for(page, words)
    if first is None:
        assert told == "0 found"
        return
    assert told == f"1 of {hits}"
    assert chosen(page) == first
    [hit, *_] = page.find_elements("css selector", ".item.hit.chosen")
    assert f"{first} " in hit.get_attribute("textContent")  # type: ignore[operator]


def test_search_goes_round_in_both_directions(page: WebDriver) -> None:
    seen = [look_for(page, "rec_enter") and chosen(page)]
    for button in ("next", "next", "next", "next", "next", "previous"):
        press(page, button)
        seen.append(chosen(page))
    assert seen == [16, 26, 33, 41, 58, 16, 58]
    assert by_id(page, "hits").text == "5 of 5"


def test_zoom_by_button_wheel_key_and_back(page: WebDriver) -> None:
    whole = view(page)
    press(page, "in")
    a, b = view(page)
    assert b - a == pytest.approx((whole[1] - whole[0]) / 2)
    by_id(page, "plot").send_keys("+")
    assert view(page)[1] - view(page)[0] < b - a
    press(page, "fit")
    assert view(page) == whole
    wheel(page, -300)
    assert view(page)[1] - view(page)[0] < whole[1] - whole[0]
    wheel(page, 900)
    assert view(page) == whole


def test_keys_move_the_view_turn_the_axis_and_search(page: WebDriver) -> None:
    press(page, "in")
    a, b = view(page)
    keys(page, "\ue008\ue014")  # shift, right arrow
    assert view(page)[0] - a == pytest.approx((b - a) / 4)
    keys(page, "o")
    assert by_id(page, "axis").text == "axis: order"
    keys(page, "/")
    field = page.switch_to.active_element
    assert field.get_attribute("id") == "search"
    field.send_keys("rsi_host", "\n", "\ue00c")  # escape
    settle(page)
    assert (chosen(page), page.switch_to.active_element.get_attribute("id")) == (18, "plot")


def keys(page: WebDriver, text: str) -> None:
    page.find_element("css selector", "body").send_keys(text)
    settle(page)


def wheel(page: WebDriver, amount: int) -> None:
    from selenium.webdriver import ActionChains
    from selenium.webdriver.common.actions.wheel_input import ScrollOrigin

    origin = ScrollOrigin.from_element(by_id(page, "plot"), 200, 0)
    ActionChains(page).scroll_from_origin(origin, 0, amount).perform()
    settle(page)


def test_dragging_moves_the_view_and_chooses_nothing(page: WebDriver) -> None:
    from selenium.webdriver import ActionChains

    press(page, "in")
    a, _ = view(page)
    plot = by_id(page, "plot")
    drag = ActionChains(page).move_to_element_with_offset(plot, 100, 20).click_and_hold()
    drag.move_by_offset(-120, 0).release().perform()
    assert view(page)[0] > a
    assert page.execute_script("return timeline.chosen") is None


def test_a_click_shows_registers_and_structures(page: WebDriver) -> None:
    click(page, 33)
    assert chosen(page) == 33
    shown = by_id(page, "detail").text
    for text in (
        *("#33 RMI_REC_ENTER", "RMI_SUCCESS", "EMUL_MMIO x0=0x1234, after exit #26"),
        *("exit PSCI_SYSTEM_OFF", "Given: RmiRecEnter at 0x40004000", "0x1 (EMUL_MMIO)"),
        *("Came back: RmiRecExit", "PSCI (0x3)", "Registers at the call", "0xc400015c"),
    ):
        assert text in shown
    [item] = page.find_elements("css selector", ".item.chosen")
    assert "33 " in str(item.get_attribute("textContent"))


def test_a_click_into_a_realms_lane(page: WebDriver) -> None:
    click(page, 18)
    assert "RSI_HOST_CALL" in by_id(page, "detail").text
    assert "realm 1 REC 0" in by_id(page, "detail").text


def test_a_line_of_the_list_is_chosen_too(page: WebDriver) -> None:
    line = page.find_element("css selector", ".item:nth-child(2)")
    line.click()
    settle(page)
    assert chosen(page) == 2
    assert "RmiRealmParams" in by_id(page, "detail").text
    by_id(page, "plot").send_keys("\ue014")  # right arrow
    assert chosen(page) == 7


def test_the_first_violation_is_marked_and_found(page: WebDriver) -> None:
    button = by_id(page, "mark")
    assert button.text == "first violation"
    assert by_id(page, "why").text == f"{MARK.title}: {MARK.text}"
    assert pixel(page, "mark", 33) > 8
    press(page, "in")
    press(page, "mark")
    assert chosen(page) == 33
    note = page.find_element("css selector", "#detail .note").text
    assert note == f"violation: {MARK.title}\n{MARK.text}"
    assert len(page.find_elements("css selector", ".item.marked.chosen")) == 1
    a, b = view(page)
    assert a < 33_000 < b


def test_marks_are_walked_in_their_order(page: WebDriver, tmp_path: Path) -> None:
    # 28 is the return of 18, 41 a call.
    marks = [Mark(28, "violation", "a", "why"), Mark(41, "failed test", "t", "it broke")]
    open_page(page, make(tmp_path, story(), marks=marks), READY)
    seen = []
    for _ in range(3):
        keys(page, "v")
        seen.append((chosen(page), by_id(page, "mark").text, by_id(page, "why").text))
    assert seen == [
        (18, "first violation (1 of 2)", "a: why"),
        (41, "failed test (2 of 2)", "t: it broke"),
        (18, "first violation (1 of 2)", "a: why"),
    ]
    at, end = page.execute_script(
        "const m = timeline.model; return [m.markAt(0), m.to[m.rowOf(18)]]"
    )
    assert at == end


def test_exits_are_edges_on_lanes_and_stand_out_in_lines(page: WebDriver) -> None:
    assert pixel(page, "exit", 16, "to") > 8
    assert (
        page.execute_script("return timeline.model.exitOf(timeline.model.rowOf(16))") == "HOST_CALL"
    )
    exits = [found.text for found in page.find_elements("css selector", ".item .exit")]
    assert "exit HOST_CALL imm=0xcca" in exits
    assert "through exit #16" in exits
    brought = [found.text for found in page.find_elements("css selector", ".item .entry")]
    assert "[EMUL_MMIO x0=0x1234, after exit #26]" in [text.strip() for text in brought]


def pixel(page: WebDriver, color: str, seq: int, end: str = "from") -> int:
    """How many pixels of a colour there are above or below an end of a call."""
    return int(
        page.execute_script(
            "const {scene, model, painter} = timeline, c = document.getElementById('plot');"
            "const color = painter.colors[arguments[0]];"
            "const wanted = color.match(/\\w\\w/g).map(v => parseInt(v, 16));"
            "const x = scene.x(model[arguments[2]][model.rowOf(arguments[1])]) * devicePixelRatio;"
            "const data = c.getContext('2d').getImageData(x - 8, 0, 16, c.height).data;"
            "let n = 0;"
            "for (let i = 0; i < data.length; i += 4)"
            " n += wanted.every((v, k) => Math.abs(data[i + k] - v) < 6);"
            "return n",
            color,
            seq,
            end,
        )
    )


def test_families_can_be_hidden(page: WebDriver) -> None:
    before = len(page.find_elements("css selector", ".item"))
    buttons = page.find_elements("css selector", "#families button")
    [button] = [button for button in buttons if button.text == "RSI"]
    button.click()
    settle(page)
    assert button.get_attribute("aria-pressed") == "false"
    assert len(page.find_elements("css selector", ".item")) == before - 1
    assert look_for(page, "rsi_host_call") == "0 found"


def test_by_order_shows_the_same_rows_evenly(page: WebDriver) -> None:
    click(page, 26)
    press(page, "axis")
    assert by_id(page, "axis").text == "axis: order"
    click(page, 26)
    assert chosen(page) == 26


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("phone", [False, True])
def test_dark_light_desktop_phone(page: WebDriver, dark: bool, phone: bool) -> None:
    width, height = (390, 844) if phone else (1280, 850)
    emulate(page, width, height, dark=dark, phone=phone)
    wait_until(page, f"innerWidth === {width}")
    settle(page)
    ink = page.execute_script("return getComputedStyle(document.body).backgroundColor")
    assert ink == ("rgb(20, 23, 28)" if dark else "rgb(251, 251, 250)")
    assert page.execute_script("return document.documentElement.scrollWidth") <= width
    wait_until(page, f"document.getElementById('plot').clientWidth > {width} - 30")
    click(page, 33)
    assert "RMI_REC_ENTER" in by_id(page, "detail").text


def test_what_is_not_on_the_page_is_said(page: WebDriver, tmp_path: Path) -> None:
    open_page(page, make(tmp_path, story(), most_rows=5, marks=[]), READY)
    assert "This page has 5 of" in by_id(page, "note").text
    assert not by_id(page, "mark").is_displayed()


def test_no_call_at_all(page: WebDriver, tmp_path: Path) -> None:
    open_page(page, make(tmp_path, Writer(), marks=[]), READY)
    assert by_id(page, "facts").text.startswith("0 calls")


@pytest.mark.slow
def test_more_than_100_000_calls_stay_usable(page: WebDriver, tmp_path: Path) -> None:
    writer = Story()
    writer.create(RD, REC)
    for number in range(MANY):
        call = writer.call("RMI_GRANULE_DELEGATE", 0x8100_0000 + number * 4096, cpu=number & 1)
        writer.back(call, 0, cpu=number & 1)
    path = make(tmp_path, writer)
    assert path.stat().st_size < 10_000_000
    open_page(page, path, READY)
    assert by_id(page, "facts").text.startswith("110,0")
    assert len(page.find_elements("css selector", ".item")) < 100
    assert len(page.execute_script(DRAWN, "PE 0 normal world")) < 1280
    assert look_for(page, f"{0x8100_0000 + 90_000 * 4096:#x}") == "1 of 1"
    assert "0x96f90000" in by_id(page, "detail").text
    assert view(page)[1] - view(page)[0] < 1_000_000
