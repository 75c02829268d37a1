# SPDX-License-Identifier: BSD-3-Clause
"""The report of a night in a real browser: opening, filtering, a failure, its timeline, size."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from harness.report import page
from harness.report.data import gather
from harness.tap import Recording
from harness.tests.browser import browser, complaints, emulate, require_browser, wait_until
from harness.tests.night_story import make_history, night_name
from harness.tests.tap_files import Writer
from harness.tests.timeline_story import story
from harness.timeline import rows, write_page

if TYPE_CHECKING:
    from selenium.webdriver.chrome.webdriver import WebDriver
    from selenium.webdriver.remote.webelement import WebElement

READY = "document.documentElement.dataset.ready === 'yes'"
NIGHTS = 4


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebDriver]:
    require_browser()
    with browser(tmp_path_factory.mktemp("profile"), 1280, 900) as driver:
        yield driver


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("nights")
    return write(folder, tests=400)


def write(folder: Path, *, tests: int, failures: int = 3) -> Path:
    history = make_history(folder, nights=NIGHTS, tests=tests, failures=failures)
    data = gather(history, folder, night_name(NIGHTS - 1))
    file = folder / night_name(NIGHTS - 1) / "report.html"
    file.write_text(page.render(data), encoding="utf-8")
    history.close()
    return file


@pytest.fixture
def report(shared: WebDriver, night: Path) -> Iterator[WebDriver]:
    emulate(shared, 1280, 900, dark=False, phone=False)
    shared.get("about:blank")
    open_report(shared, night)
    complaints(shared)
    yield shared
    assert complaints(shared) == []


def open_report(driver: WebDriver, file: Path, fragment: str = "") -> None:
    driver.get(file.as_uri() + fragment)
    wait_until(driver, READY)


def find(driver: WebDriver, selector: str) -> WebElement:
    return driver.find_element("css selector", selector)


def hits(driver: WebDriver) -> str:
    return find(driver, "#hits").text


def test_verdict_is_the_first_thing_on_the_page(report: WebDriver) -> None:
    text = find(report, ".verdict").text
    assert text.startswith("12 new failures, 4 known failures, 4 host overloads")
    assert find(report, ".verdict").location["y"] < 120


@pytest.mark.parametrize(
    ("words", "count"),
    [("case-17]", 4), ("CASE-17] serial", 1), ("no realms", 144), ("nothing like this", 0)],
)
def test_list_is_filtered_by_words(report: WebDriver, words: str, count: int) -> None:
    find(report, "#filter").send_keys(words)
    assert hits(report) == f"{count} of 1,600"
    assert len(report.find_elements("css selector", "#list .row")) == count


def test_list_is_filtered_by_outcome_and_cell(report: WebDriver) -> None:
    find(report, ".chips button[data-outcome=failed]").click()
    assert hits(report) == "28 of 1,600"
    find(report, "#cell option:nth-child(4)").click()
    assert hits(report) == "7 of 1,600"
    assert {e.text for e in report.find_elements("css selector", ".row .where")} == {"trp / quick"}


def test_list_grows_on_demand(report: WebDriver) -> None:
    shown = len(report.find_elements("css selector", "#list .row"))
    assert 0 < shown < 1600
    find(report, "#more").click()
    assert len(report.find_elements("css selector", "#list .row")) == 2 * shown


def test_row_of_a_failure_opens_it(report: WebDriver) -> None:
    find(report, "#filter").send_keys("case-7] trp")
    find(report, "#list .row a").click()
    [card] = report.find_elements("css selector", ".card[open]")
    assert card.get_attribute("data-cell") == "trp / quick"
    assert "RMI_REC_ENTER answered RMI_ERROR_REC" in card.text
    assert "scripts/regress" in find(report, ".card[open] .again").text


def test_address_of_a_test_opens_its_failure(report: WebDriver, night: Path) -> None:
    test = "testcases/area7/test_area7_things.py::test_behaviour[case-7]"
    open_report(report, night, f"#{test.replace('[', '%5B').replace(']', '%5D')}")
    report.refresh()
    wait_until(report, READY)
    assert find(report, ".card[open]").get_attribute("data-test") == test


def test_failure_leads_to_its_timeline(report: WebDriver, night: Path, tmp_path: Path) -> None:
    folder = night.parent / "cells/x/attempt-1/runs/1/test-6"
    folder.mkdir(parents=True, exist_ok=True)
    writer: Writer = story()
    recording = Recording(writer.write(tmp_path / "x.tap"))
    write_page(folder / "timeline.html", rows(recording), title="t.py::test", facts={})
    card = find(report, "#new .card")
    card.find_element("css selector", "summary").click()
    card.find_element("css selector", "a.timeline").click()
    # The page that is left is ready, too.
    wait_until(report, f"location.pathname.endsWith('/timeline.html') && {READY}")
    assert find(report, "h1").text == "t.py::test"


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390], ids=["desktop", "phone"])
def test_page_fits_the_screen_and_follows_the_scheme(
    shared: WebDriver, night: Path, width: int, dark: bool
) -> None:
    emulate(shared, width, 844, dark=dark, phone=width < 500)
    open_report(shared, night)
    shared.execute_script("document.querySelectorAll('.card').forEach(c => c.open = true)")
    assert shared.execute_script("return document.documentElement.scrollWidth") <= width
    paper = shared.execute_script("return getComputedStyle(document.body).backgroundColor")
    assert paper == ("rgb(20, 23, 28)" if dark else "rgb(251, 251, 250)")


def test_night_of_5000_results_is_small_and_opens(shared: WebDriver, tmp_path: Path) -> None:
    """The time is printed, not asserted: it is the machine's as much as the page's."""
    file = write(tmp_path, tests=1250, failures=60)
    assert file.stat().st_size < 10_000_000
    emulate(shared, 1280, 900, dark=False, phone=False)
    open_report(shared, file)
    assert hits(shared) == "5,000 of 5,000"
    took_ms = shared.execute_script(
        "const [page] = performance.getEntriesByType('navigation');"
        "return page.loadEventEnd - page.startTime"
    )
    print(f"{file.stat().st_size / 1e6:.2f} MB, loaded in {took_ms:.0f} ms")
