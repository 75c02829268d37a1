# SPDX-License-Identifier: BSD-3-Clause
"""Tap files: what is refused, what a reader sees while the file grows, choosing events."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.abi import codec
from harness.errors import MachineDied
from harness.tap import (
    Call,
    Recording,
    State,
    Tap,
    TapError,
    TapFile,
    TapTimeout,
    Where,
    calls,
    returns,
    select,
)
from harness.tap.layout import HEADER_BYTES, RECORD_BYTES, pack
from harness.tests.tap_files import Writer


def two_calls() -> Writer:
    writer = Writer()
    writer.back(writer.call("RMI_GRANULE_DELEGATE", 0x8000_0000), 0)
    writer.back(writer.call("RMI_RTT_CREATE", 1, 2, 3, 4, cpu=1), 0x204, cpu=1)
    writer.call("RSI_VERSION", state=State.REALM, level=1, rec=0x1000)
    return writer


def test_a_header_survives_the_way_to_the_file_and_back(tmp_path: Path) -> None:
    writer = two_calls()
    path = writer.write(tmp_path / "x.tap")
    assert Recording(path).header() == writer.header()


def test_records_survive_the_way_to_the_file_and_back(tmp_path: Path) -> None:
    writer = two_calls()
    writer.call("RMI_REC_ENTER", 1, 2, memory=(0x4000_0000, b"\x55" * 0x800))
    with TapFile(writer.write(tmp_path / "x.tap")) as file:
        assert list(file.records()) == writer.records
        assert list(file.records(5)) == writer.records[5:]


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(TapError, match=r"cannot read .*x\.tap: No such file"):
        TapFile(tmp_path / "x.tap")


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda data: data[:100], "is cut short: 100 bytes"),
        (lambda data: bytes(8) + data[8:], "is not a tap file"),
        (lambda data: data[:8] + b"\x09" + data[9:], "has version 9 with a header of 4096"),
        (lambda data: data[:16] + b"\x40" + data[17:], "records of 64 bytes"),
    ],
)
def test_what_is_no_tap_file(
    tmp_path: Path, change: Callable[[bytes], bytes], complaint: str
) -> None:
    path = two_calls().write(tmp_path / "x.tap")
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(TapError, match=complaint):
        TapFile(path)


def test_a_file_that_is_shorter_than_it_says(tmp_path: Path) -> None:
    path = two_calls().write(tmp_path / "x.tap")
    path.write_bytes(path.read_bytes()[: HEADER_BYTES + 2 * RECORD_BYTES + 5])
    with pytest.raises(TapError, match="record 2 is not there, its header promises 5"):
        list(Recording(path))


def test_what_lies_behind_the_complete_records_is_not_looked_at(tmp_path: Path) -> None:
    path = two_calls().write(tmp_path / "x.tap", records=2)
    assert len(list(Recording(path))) == 2


@pytest.mark.parametrize(
    ("where", "names"),
    [
        (Where(name="RMI_*"), ["RMI_GRANULE_DELEGATE"] * 2 + ["RMI_RTT_CREATE"] * 2),
        (Where(family="RSI"), ["RSI_VERSION"]),
        (Where(cpu=1), ["RMI_RTT_CREATE"] * 2),
        (Where(state=State.REALM), ["RSI_VERSION"]),
        (Where(rec=0x1000, level=1), ["RSI_VERSION"]),
        (Where(status="RMI_ERROR_RTT"), ["RMI_RTT_CREATE"]),
        (Where(also=lambda event: event.x[1] == 0x8000_0000), ["RMI_GRANULE_DELEGATE"]),
    ],
)
def test_choosing(tmp_path: Path, where: Where, names: list[str]) -> None:
    recording = Recording(two_calls().write(tmp_path / "x.tap"))
    assert [e.name for e in select(recording, where) if not hasattr(e, "count")] == names


def test_choosing_calls_or_returns(tmp_path: Path) -> None:
    recording = Recording(two_calls().write(tmp_path / "x.tap"))
    assert [call.name for call in calls(recording, Where(cpu=1))] == ["RMI_RTT_CREATE"]
    assert [done.status.index for done in returns(recording, Where(cpu=1))] == [2]


class Growing:
    """A tap file to which records are added, as the plugin does it."""

    def __init__(self, path: Path) -> None:
        self.writer = Writer()
        self.path = self.writer.write(path)
        self.written = 0

    def flush(self) -> None:
        with self.path.open("r+b") as file:
            file.seek(0, 2)
            for record in self.writer.records[self.written :]:
                file.write(pack(record))
            file.flush()
            self.written = len(self.writer.records)
            file.seek(codec("TapHeader").offset("records"))
            file.write(self.written.to_bytes(8, "little"))


@pytest.fixture
def growing(tmp_path: Path) -> Growing:
    return Growing(tmp_path / "x.tap")


def test_a_view_begins_when_it_is_made(growing: Growing) -> None:
    growing.writer.call("PSCI_VERSION")
    growing.flush()
    tap = Tap(growing.path)
    growing.writer.call("RMI_VERSION")
    growing.flush()
    assert [call.name for call in tap.calls()] == ["RMI_VERSION"]
    assert [call.name for call in Tap(growing.path, from_start=True).calls("PSCI_*")] == [
        "PSCI_VERSION"
    ]
    tap.begin()
    assert tap.last() == []


def test_waiting_takes_each_event_once(growing: Growing) -> None:
    tap = Tap(growing.path)
    for number in (1, 2):
        growing.writer.back(growing.writer.call("RMI_GRANULE_DELEGATE", number), 0)
    growing.flush()
    assert tap.wait_for("RMI_GRANULE_DELEGATE", 1).x[1] == 1
    assert tap.wait_for_return("RMI_GRANULE_*", 1).call is not None
    assert tap.wait_for(Where(family="RMI"), 1).x[1] == 2
    assert len(tap.returns()) == 2


def test_waiting_sees_what_comes_later(growing: Growing) -> None:
    tap = Tap(growing.path)
    growing.writer.call("RMI_VERSION")
    timer = threading.Timer(0.05, growing.flush)
    timer.start()
    assert isinstance(tap.wait_for("RMI_VERSION", 60), Call)
    timer.join()


def test_waiting_in_vain_says_what_was_seen(growing: Growing) -> None:
    tap = Tap(growing.path)
    growing.writer.call("RMI_VERSION")
    growing.flush()
    with pytest.raises(TapTimeout) as caught:
        tap.wait_for(Where(name="RMI_REC_ENTER", cpu=1), 0.01)
    text = str(caught.value)
    assert "no call of RMI_REC_ENTER cpu=1 in 0.01 s" in text
    assert text.count("RMI_VERSION") == 2  # seen, and still under way


def test_waiting_ends_with_the_machine(growing: Growing) -> None:
    def check() -> None:
        raise MachineDied("it is gone")

    with pytest.raises(MachineDied):
        Tap(growing.path, check).wait_for("RMI_VERSION", 3600)
