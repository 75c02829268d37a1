# SPDX-License-Identifier: BSD-3-Clause
"""Rows of a timeline: who made a call, what came of it, exits and what the host did about them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.errors import HarnessError
from harness.tap import Recording, State
from harness.tests.tap_files import Writer
from harness.tests.timeline_story import MMIO_IPA, RD, REC, Story, story
from harness.timeline import Choice, Row, as_json, last_lines, line, realm_number, rows
from harness.timeline.text import duration, row_text


def told(tmp_path: Path, writer: Writer, **settings: int) -> list[Row]:
    return list(rows(Recording(writer.write(tmp_path / "x.tap")), **settings))


def texts(found: list[Row], choice: Choice | None = None) -> list[str]:
    wanted = choice or Choice()
    return [row_text(row) for row in found if wanted(row) and (choice is None or row.caller)]


def test_entries_and_exits_and_what_was_done_in_between(tmp_path: Path) -> None:
    entered = texts(told(tmp_path, story()), Choice(["RMI_REC_ENTER"]))
    assert [text.partition(") ")[2] for text in entered] == [
        "→ RMI_SUCCESS exit HOST_CALL imm=0xcca",
        f"[after exit #16 and RMI_RTT_READ_ENTRY] → RMI_SUCCESS exit MMIO read 4 at {MMIO_IPA:#x}",
        "[EMUL_MMIO x0=0x1234, after exit #26] → RMI_SUCCESS exit PSCI_SYSTEM_OFF",
        "[after exit #33] → RMI_ERROR_INPUT",
        "→ RMI_SUCCESS exit IRQ",
    ]


def test_a_call_of_a_realm_goes_on_through_exits_or_never_returns(tmp_path: Path) -> None:
    found = told(tmp_path, story())
    assert texts(found, Choice(["RSI", "PSCI"])) == [
        "RSI_HOST_CALL(addr=0x12000) → RSI_SUCCESS through exit #16",
        "PSCI_SYSTEM_OFF() → through exit #33",
    ]
    [host_call] = [row for row in found if row.name == "RSI_HOST_CALL"]
    assert (host_call.seq, host_call.end_seq, host_call.duration_ns) == (18, 28, 10_000)


def test_what_is_under_way_at_the_end_is_told_as_such(tmp_path: Path) -> None:
    assert texts(told(tmp_path, story()))[-3:] == [
        "3 records were lost here",
        "RMI_GRANULE_DELEGATE(addr=0x1001) → RMI_ERROR_INPUT",
        "RMI_VERSION(req=0x10000) → no return",
    ]


def test_realms_are_numbered_by_their_creation(tmp_path: Path) -> None:
    found = told(tmp_path, story())
    callers = [str(row.caller) for row in found if row.family in ("RSI", "PSCI")]
    assert callers == ["realm 1 REC 0", "realm 1 REC 0"]
    about = [(row.name, row.realm.number) for row in found if row.realm and row.family == "RMI"]
    assert about[:2] == [("RMI_REALM_CREATE", 1), ("RMI_REC_CREATE", 1)]
    assert about[-2:] == [("RMI_REC_DESTROY", 1), ("RMI_REALM_DESTROY", 1)]
    assert ("RMI_REC_ENTER", 2) in about


def test_a_rec_that_was_made_before_goes_by_its_address(tmp_path: Path) -> None:
    writer = Story()
    call = writer.inside("RSI_VERSION", 0x10000, rec=REC)
    writer.answer(call, 0, 0x10000, 0x10000, rec=REC)
    [row] = told(tmp_path, writer)
    assert str(row.caller) == f"realm ? REC {REC:#x}"


def test_an_address_that_is_used_again_is_another_realm(tmp_path: Path) -> None:
    writer = Story()
    for _ in range(2):
        writer.create(RD, REC)
        call = writer.inside("RSI_VERSION", 0x10000)
        writer.answer(call, 0, 0x10000, 0x10000)
        writer.rmi("RMI_REC_DESTROY", REC)
        writer.rmi("RMI_REALM_DESTROY", RD)
    callers = [str(row.caller) for row in told(tmp_path, writer) if row.family == "RSI"]
    assert callers == ["realm 1 REC 0", "realm 2 REC 0"]


def test_hand_overs_are_shown_where_they_differ_from_what_came_back(tmp_path: Path) -> None:
    writer = Story()
    writer.rmi("RMI_VERSION", 0x10000)
    call = writer.call("RMI_VERSION", 0x10000)
    writer.done(0, 0x10000)
    writer.back(call, 0, 0x20000)
    found = told(tmp_path, writer)
    shown = [row.seq for row in found if Choice()(row) and row.name == "RMM_RMI_REQ_COMPLETE"]
    assert shown == [5]
    assert len(texts(found, Choice(echoes=True))) == 4
    assert len(texts(found, Choice(["RMM_*"]))) == 2


@pytest.mark.parametrize(
    ("realm", "count"), [(1, 12), (RD, 12), (REC, 8), (2, 4), (3, 0), (0x1234_5000, 0)]
)
def test_calls_of_and_about_one_realm(tmp_path: Path, realm: int, count: int) -> None:
    found = [row for row in told(tmp_path, story()) if row.name != "LOST"]
    assert sum(map(Choice(realm=realm), found)) == count


def test_a_realm_that_is_no_number_is_refused() -> None:
    assert realm_number("0x80000000") == RD
    with pytest.raises(HarnessError, match="x is neither a realm's number nor an address"):
        realm_number("x")


def test_few_rows_wait_however_long_a_call_takes(tmp_path: Path) -> None:
    writer = Story()
    long = writer.call("RMI_VERSION", 0x10000, cpu=1)
    for _ in range(20):
        writer.rmi("RMI_FEATURES", 0)
    writer.back(long, 0, 0x10000, 0x10000, cpu=1)
    found = told(tmp_path, writer, most_waiting=4)
    assert row_text(found[0]) == "RMI_VERSION(req=0x10000) → no return"
    assert row_text(found[-1]).startswith("return of #1 RMI_VERSION(req=0x10000) → RMI_SUCCESS (")
    assert [row.seq for row in found] == sorted(row.seq for row in found)


def test_a_return_whose_call_is_not_here_is_a_row(tmp_path: Path) -> None:
    writer = Story()
    writer.back(77, 0, 5)
    [row] = told(tmp_path, writer)
    assert row_text(row) == "return to 0x6000109c → 0x0"
    assert as_json(row)["name"] == "RETURN"


def test_lines_are_indented_by_who_calls(tmp_path: Path) -> None:
    path = story().write(tmp_path / "x.tap")
    shown = [line(row, 1000) for row in rows(Recording(path))]
    assert shown[0] == f"      1     0.000000   0 {'':14}    RMM_BOOT_COMPLETE(code=SUCCESS)"
    assert shown[1].startswith("      2     0.000001   0     4 us     1  RMI_REALM_CREATE(rd=")
    assert any("  10 us     1      realm 1 REC 0: RSI_HOST_CALL(" in text for text in shown)
    assert last_lines(Recording(path), 3)[0].endswith("!! 3 records were lost here")


def test_json_has_registers_and_structures_as_text(tmp_path: Path) -> None:
    found = [json.loads(json.dumps(as_json(row))) for row in told(tmp_path, story())]
    entries = [row for row in found if row.get("name") == "RMI_REC_ENTER"]
    emulated = entries[2]
    assert emulated["structure"]["fields"] == {"flags": "0x1 (EMUL_MMIO)", "gprs": {"0": "0x1234"}}
    assert emulated["return_structure"]["name"] == "RmiRecExit"
    assert emulated["return_structure"]["fields"]["exit_reason"] == "PSCI (0x3)"
    assert (emulated["realm"], emulated["rd"], emulated["failed"]) == (1, f"{RD:#x}", False)
    assert (entries[3]["status"], entries[3]["failed"]) == ("RMI_ERROR_INPUT", True)
    assert all(word.startswith("0x") for row in found for word in row.get("x", []))


def test_every_key_of_the_json_is_documented(tmp_path: Path) -> None:
    text = (Path(__file__).resolve().parents[2] / "docs" / "timeline.md").read_text()
    keys = {key for row in told(tmp_path, story()) for key in as_json(row)}
    assert {key for key in keys if f"`{key}`" not in text} == set()


def test_json_leaves_parameters_out_that_came_back_unchanged(tmp_path: Path) -> None:
    writer = Story()
    given = (0x4000_3000, bytes(4096))
    call = writer.call("RMI_REALM_CREATE", RD, given[0], memory=given)
    writer.back(call, 0, memory=given)
    [row] = told(tmp_path, writer)
    assert "return_structure" not in as_json(row)


@pytest.mark.parametrize(
    ("time_ns", "text"),
    [(None, ""), (7, "7 ns"), (1500, "1.5 us"), (2_040_000, "2.04 ms"), (5 * 10**12, "5000 s")],
)
def test_durations(time_ns: int | None, text: str) -> None:
    assert duration(time_ns) == text


def test_failures_of_each_family(tmp_path: Path) -> None:
    writer = Story()
    for name, x0 in [("PSCI_VERSION", 0x10001), ("PSCI_FEATURES", 0xFFFF_FFFF)]:
        writer.back(writer.call(name, state=State.REALM, level=1), x0, state=State.REALM, level=1)
    for x0 in (0, (1 << 64) - 2):
        call = writer.call("RMM_GTSI_DELEGATE", RD, state=State.REALM, level=2)
        writer.back(call, x0, state=State.REALM, level=2)
    assert [row.failed for row in told(tmp_path, writer)] == [False, True, False, True]


def test_rows_come_while_events_do(tmp_path: Path) -> None:
    events = iter(Recording(story().write(tmp_path / "x.tap")))
    passed = 0

    def counted() -> Iterator[object]:
        nonlocal passed
        for event in events:
            passed += 1
            yield event

    next(rows(counted()))  # type: ignore[arg-type]
    assert passed < 5
