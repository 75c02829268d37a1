# SPDX-License-Identifier: BSD-3-Clause
"""A leased board as a machine: its consoles, and who is to blame when they fall silent."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn, cast

import pytest

from harness.errors import AlarmRaised, ConsoleClosed
from harness.lab import LabBoard, LabFault, Lease, NotOnBoard, words
from harness.lab.transport import SerialPort
from harness.stack import BuiltStack, build_stack, load_stack
from harness.tests.stack_fakes import write_stack
from harness.tests.waiting import PATIENCE_S
from harness.transcript import TranscriptError

BANNER = b"NOTICE:  Booting Trusted Firmware\n"


class FakeLease:
    """A lease on a board that is a TCP port; it shows a banner at power on while it is well."""

    place, owner, alive_s = "board7", "vm/cca-me", PATIENCE_S

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.ports = {"ns": SerialPort("127.0.0.1", self._listener.getsockname()[1], "raw")}
        self.fault: LabFault | None = None
        self.on_fault: Callable[[], None] = lambda: None
        self.asked: list[str] = []
        self.well = True
        self.line: socket.socket | None = None

    def ask(self, what: str, **facts: object) -> None:
        if self.fault is not None:
            raise self.fault
        self.asked.append(what)
        if what == words.POWER_ON:
            line = self.accept()
            if self.well:
                line.sendall(BANNER)

    def accept(self) -> socket.socket:
        if self.line is None:
            self.line, _ = self._listener.accept()
            self.line.settimeout(PATIENCE_S)
        return self.line

    def lose(self) -> None:
        self.fault = LabFault("place board7 was lost: taken", place="board7")
        self.on_fault()

    def close(self) -> None:
        self._listener.close()
        if self.line is not None:
            self.line.close()


@pytest.fixture
def lease() -> Iterator[FakeLease]:
    fake = FakeLease()
    yield fake
    fake.close()


@pytest.fixture
def built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> BuiltStack:
    monkeypatch.setenv("CCA_CACHE", str(tmp_path / "cache"))
    return build_stack(load_stack(str(write_stack(tmp_path / "stack"))))


@pytest.fixture
def board(tmp_path: Path, lease: FakeLease, built: BuiltStack) -> Iterator[LabBoard]:
    with LabBoard.start(
        cast("Lease", lease), built, {"flash": built.flash}, tmp_path / "runs", "boot-1"
    ) as started:
        started.consoles["ns"].expect("Booting", PATIENCE_S)
        yield started


def test_a_board_is_switched_off_deployed_connected_switched_on(
    board: LabBoard, lease: FakeLease
) -> None:
    assert lease.asked == [words.POWER_OFF, words.DEPLOY, words.POWER_ON]
    assert board.alive
    board.check()
    assert (board.folder / "ns.log").read_bytes() == BANNER
    assert (board.folder / "place").read_text() == "board7\nvm/cca-me\n"
    board.stop()
    assert lease.asked[-1] == words.POWER_OFF
    assert not board.alive


def test_a_console_that_cannot_be_made_gives_its_line_back(
    tmp_path: Path, lease: FakeLease, built: BuiltStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path) -> NoReturn:
        raise TranscriptError(f"no {path.name}")

    monkeypatch.setattr("harness.lab.place.Transcript", refuse)
    with pytest.raises(TranscriptError, match=r"no ns\.log"):
        LabBoard.start(cast("Lease", lease), built, {}, tmp_path / "runs", "boot-1")
    assert lease.accept().recv(1) == b""


def test_who_waits_on_a_console_of_a_lost_place_waits_no_longer(
    board: LabBoard, lease: FakeLease
) -> None:
    threading.Timer(0.2, lease.lose).start()
    with pytest.raises(ConsoleClosed):
        board.consoles["ns"].expect("never", 600)
    assert board.judge(silent=False) is lease.fault
    with pytest.raises(LabFault, match="was lost"):
        board.check()
    board.stop()
    assert lease.asked[-1] == words.POWER_ON  # it is somebody else's board by now


def test_a_serial_server_that_closes_is_to_blame(board: LabBoard, lease: FakeLease) -> None:
    assert lease.line is not None
    lease.line.shutdown(socket.SHUT_RDWR)
    with pytest.raises(ConsoleClosed):
        board.consoles["ns"].expect("never", 600)
    fault = board.judge(silent=False)
    assert fault is not None
    assert fault.message.startswith("place board7: the serial server closed console ns at 127.0.0")
    assert fault.broken


def test_a_board_that_speaks_again_did_not_hang(board: LabBoard, lease: FakeLease) -> None:
    assert board.judge(silent=True) is None
    assert lease.asked[-3:] == [words.POWER_OFF, words.POWER_ON, words.POWER_OFF]
    board.check()  # the second banner is no unexpected reboot


def test_a_board_that_stays_silent_hangs(board: LabBoard, lease: FakeLease) -> None:
    lease.well, lease.alive_s = False, 0.5
    fault = board.judge(silent=True)
    assert fault is not None
    assert fault.message.startswith("place board7: the board hangs: it was silent, and stayed so")
    assert (fault.place, fault.broken) == ("board7", True)
    assert board.judge(silent=False) is fault


def test_a_failure_of_a_board_that_speaks_is_not_the_labs(
    board: LabBoard, lease: FakeLease
) -> None:
    asked = len(lease.asked)
    assert board.judge(silent=False) is None
    assert len(lease.asked) == asked


def test_an_alarm_on_a_board_is_an_alarm(board: LabBoard, lease: FakeLease) -> None:
    assert lease.line is not None
    lease.line.sendall(b"RMM PANIC: synchronous exception\n")
    with pytest.raises(AlarmRaised, match="rmm-panic"):
        board.consoles["ns"].expect("never", 600)
    with pytest.raises(AlarmRaised):
        board.check()


def test_what_a_board_has_not_is_named(board: LabBoard) -> None:
    with pytest.raises(NotOnBoard, match="not on a board: its RAM is not shared"):
        _ = board.ram
    with pytest.raises(NotOnBoard, match=r"not on a board: there is no QMP \(stop\)"):
        board.qmp("stop")
    assert board.positions() == []
    assert not board.stuck_watch.stuck()
    assert "place: board7" in board.describe()
