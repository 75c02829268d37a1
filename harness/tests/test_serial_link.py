# SPDX-License-Identifier: BSD-3-Clause
"""The serial link gets its answer through noise and damage, and executes nothing twice."""

import os
import re
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.console import Console
from harness.deadline import Deadline
from harness.errors import AlarmRaised, BootFailed, ConsoleClosed, LinkError, LinkTimeout
from harness.link import Program, SerialLink, Step, serial
from harness.link.frame import Answer, Frame, Request, encode, encode_answer
from harness.link.protocol import MAGIC, OP_SMC, STATUS_ABORT, VERSION, Reply
from harness.tests.fakes import Memory, SerialMonitor, console_pair, default_handler, reply
from harness.tests.waiting import PATIENCE_S, until
from harness.types import Pa

Rig = tuple[SerialLink, SerialMonitor, socket.socket, Console]


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    console, far = console_pair(tmp_path)
    yield SerialLink(console), SerialMonitor(far), far, console
    far.close()
    console.close()


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is sent again because of mere silence."""
    for name in ("_RESEND_S", "_RESEND_LONGEST_S"):
        monkeypatch.setattr(serial, name, 3600.0)


def test_hello_waits_for_the_ready_line(rig: Rig) -> None:
    link, _, far, _ = rig
    far.sendall(b"NOTICE: boot\nMONITOR READY\n")
    assert link.hello(PATIENCE_S).values[:2] == (MAGIC, VERSION)


def test_smc_returns_x0_to_x7(rig: Rig) -> None:
    assert rig[0].smc(0xC4000150, 1, 2) == (0xC4000151, 2, 3, 1, 1, 1, 1, 1)


@pytest.mark.usefixtures("patient")
def test_console_text_around_frames_does_not_matter(rig: Rig) -> None:
    link, monitor, _, _ = rig
    monitor.damage = lambda raw: b"INFO: rmm says\r\n" + raw + b"\x01torn"
    assert [link.smc(n)[0] for n in range(20)] == list(range(1, 21))
    assert link.resent == 0


def test_damaged_answers_are_asked_for_again_and_executed_once(rig: Rig) -> None:
    link, monitor, _, _ = rig
    turn = iter(range(10_000))
    monitor.damage = lambda raw: raw if next(turn) % 3 else raw.replace(b"A", b"B", 1)
    assert [link.smc(n)[0] for n in range(30)] == list(range(1, 31))
    assert link.damaged > 0
    assert len(monitor.executed) == 30


def test_lost_answers_are_asked_for_again(rig: Rig) -> None:
    link, monitor, _, _ = rig
    lost = iter([b""])
    monitor.damage = lambda raw: next(lost, raw)
    assert link.smc(1)[0] == 2
    assert link.resent >= 1  # more often where the monitor is slow
    assert len(monitor.executed) == 1


def test_random_noise_between_frames(rig: Rig) -> None:
    link, monitor, _, _ = rig
    monitor.damage = lambda raw: os.urandom(50).replace(b"\n", b"") + b"\n" + raw + os.urandom(20)
    assert [link.smc(n)[0] for n in range(20)] == list(range(1, 21))


@pytest.mark.usefixtures("patient")
def test_damaged_request_is_sent_again_when_the_monitor_says_so(rig: Rig) -> None:
    link, monitor, _, _ = rig
    first = iter([encode(Frame("N", ()))])
    monitor.damage = lambda raw: next(first, raw)
    assert link.smc(1)[0] == 2
    assert link.resent == 1


def test_late_copies_of_an_answer_are_ignored(rig: Rig) -> None:
    link, monitor, _, _ = rig
    monitor.damage = lambda raw: raw * 3
    assert [link.smc(n)[0] for n in range(10)] == list(range(1, 11))


def test_still_working_is_not_an_answer(rig: Rig) -> None:
    link, monitor, _, _ = rig
    monitor.damage = lambda raw: encode(Frame("W", (link._seq, 0))) + raw
    assert link.smc(1)[0] == 2


def test_pending_on_two_pes_finish_in_any_order(tmp_path: Path) -> None:
    console, far = console_pair(tmp_path)
    link = SerialLink(console)
    slow, quick = link.start_smc(1, pe=0), link.start_smc(2, pe=1)
    assert not slow.done()
    far.sendall(encode_answer(Answer(link._seq, 1, reply(22))))
    far.sendall(encode_answer(Answer(link._seq - 1, 0, reply(11))))
    assert quick.wait(PATIENCE_S)[0] == 22
    assert slow.wait(PATIENCE_S)[0] == 11
    far.close()
    console.close()


def test_second_request_for_a_busy_pe_names_the_first(tmp_path: Path) -> None:
    console, far = console_pair(tmp_path)
    link = SerialLink(console)
    link.start_smc(0xC4000150)
    with pytest.raises(LinkError, match=r"not possible: RMI_VERSION.* PE 0 is still under way"):
        link.smc(1)
    far.close()
    console.close()


def test_memory_goes_in_blocks(rig: Rig) -> None:
    link, monitor, _, _ = rig
    monitor.handler = Memory()
    data = os.urandom(5000)
    link.write(0x8000_0000, data)
    assert link.read(0x8000_0000, 5000) == data
    assert len(monitor.executed) == 6


def test_program_is_stored_and_its_results_read_back(rig: Rig) -> None:
    link, monitor, _, _ = rig
    memory = Memory()

    def run(request: Request) -> Reply:
        return reply(2, 1, 1, 5, 99) if request.op == 11 else memory(request)

    monitor.handler = run
    program = Program([Step(1), Step(2)], Pa(0x8000_0000), keep_results=4)
    result = link.run_program(program)
    assert (result.executed, result.failed, result.first_failure) == (2, 1, 1)
    assert result.results == ((0,) * 8, (0,) * 8)


def test_abort_of_a_peek_is_an_outcome_and_of_a_read_an_error(rig: Rig) -> None:
    link, monitor, _, _ = rig
    monitor.handler = lambda _: Reply(STATUS_ABORT, (0,) * 8, esr=0x96000028, far=0x4010_0000)
    outcome = link.peek(0x4010_0000)
    assert (outcome.aborted, outcome.fault_status, outcome.far) == (True, 0x28, 0x4010_0000)
    with pytest.raises(LinkError, match=r"READ_BLOCK\(.*aborted at 0x40100000: ESR_EL2 0x96000028"):
        link.read(0x4010_0000, 4)


def test_refusal_names_request_and_status(rig: Rig) -> None:
    link, monitor, _, _ = rig
    monitor.handler = lambda _: reply(status=3)
    with pytest.raises(LinkError, match=r"refused SYSREG_READ\(0x2\) on PE 0: BAD_ARG"):
        link.sysreg_read("MPIDR_EL1")


def test_unknown_register_lists_those_there_are(rig: Rig) -> None:
    with pytest.raises(LinkError, match="no access to FOO_EL1\nhint: it has CNTPCT_EL0"):
        rig[0].sysreg_read("FOO_EL1")


def test_silence_is_a_time_out_with_the_last_calls_and_lines(rig: Rig) -> None:
    link, monitor, far, console = rig
    link.smc(0xC4000150, 0x10000)
    monitor.damage = lambda _: b""
    far.sendall(b"something on the line\n")
    until(lambda: b"something on the line" in console.recent(), "it has come")
    with pytest.raises(LinkTimeout) as caught:
        link.smc(0xC4000151, 0x8000_0000, timeout_s=0.3)
    text = str(caught.value)
    assert "did not answer RMI_GRANULE_DELEGATE(0x80000000) on PE 0 in 0.3 s" in text
    assert "PE 0: RMI_VERSION(0x10000) -> " in text
    assert "something on the line" in text


def test_closed_line_and_alarm_end_the_wait(rig: Rig) -> None:
    link, monitor, far, console = rig
    monitor.damage = lambda _: b"RMM PANIC: smc.c:9\n"
    with pytest.raises(AlarmRaised, match=r"RMM PANIC: smc\.c:9"):
        link.smc(1, timeout_s=3600)
    far.shutdown(socket.SHUT_RDWR)
    until(lambda: console.closed, "everything has come: a request sent again brings one more")
    console.alarms._alarms.clear()
    with pytest.raises(ConsoleClosed):
        link.smc(2, pe=1, timeout_s=3600)


def test_boot_failure_says_why_and_what_was_seen(rig: Rig) -> None:
    link, _, far, _ = rig
    far.sendall(b"NOTICE:  BL31: v2.12\nERROR:   RMM init failed: -7\n")
    with pytest.raises(BootFailed) as caught:
        link.hello(3600)
    text = str(caught.value)
    assert re.search(r"did not hand over to the monitor \(\d+\.\d s\)", text)
    assert "boot code -7, MANIFEST_DATA_ERROR" in text
    assert "NOTICE:  BL31: v2.12" in text


def test_foreign_monitor_is_told_apart(rig: Rig) -> None:
    link, monitor, far, _ = rig
    far.sendall(b"MONITOR READY\n")
    monitor.handler = lambda _: reply(MAGIC, 99)
    with pytest.raises(LinkError, match=r"version 99, wanted .* version 1"):
        link.hello(PATIENCE_S)


def test_log_and_observers_see_each_smc(rig: Rig) -> None:
    link = rig[0]
    seen: list[tuple[int, tuple[int, ...], int]] = []
    link.observers.append(lambda pe, args, values: seen.append((pe, args, values[0])))
    link.smc(5, 6, pe=1)
    link.fill(0x8000_0000, 8)
    assert seen == [(1, (5, 6), 6)]
    assert [entry.op for entry in link.log] == [OP_SMC, 7]
    assert link.last_calls(1) == ["PE 0: FILL(0x80000000, 0x8, 0x0) -> 0x0"]


def test_no_such_pe(rig: Rig) -> None:
    with pytest.raises(LinkError, match="PE 8 does not exist: the monitor serves 0 to 7"):
        rig[0].smc(1, pe=8)


def test_default_handler_is_what_the_tests_think() -> None:
    assert default_handler(Request(0, 0, OP_SMC, (1,))).values[0] == 2


def test_waiting_no_time_takes_what_is_there(tmp_path: Path) -> None:
    console, far = console_pair(tmp_path)
    link = SerialLink(console)
    running = link.start_smc(1)
    raw = (
        b"noise "
        + encode(Frame("W", (link._seq, 0)))
        + encode_answer(Answer(link._seq, 0, reply(11)))
    )
    far.sendall(raw)
    until = Deadline.after(60)
    while console.received_bytes < len(raw):
        assert not until.expired
        time.sleep(0.01)
    assert running.wait(0)[0] == 11
    far.close()
    console.close()


def test_hello_has_one_deadline(rig: Rig) -> None:
    """The greeting of a monitor that is ready has no time of its own."""
    link, monitor, far, console = rig
    monitor.damage = lambda _: b""
    far.sendall(b"MONITOR READY\n")
    until(lambda: b"MONITOR READY" in console.recent(), "it is ready")
    with pytest.raises(BootFailed, match=r"did not answer HELLO.* in 0\.3 s"):
        link.hello(0.3)
