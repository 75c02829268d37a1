# SPDX-License-Identifier: BSD-3-Clause
"""The mailbox link, against a monitor that lives in a thread and shares real memory."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from harness.deadline import Deadline
from harness.errors import AlarmRaised, BootFailed, LinkError, LinkTimeout, MachineDied, StackError
from harness.link import STEP_READ, MailboxLink, Program, Step
from harness.link.frame import Request
from harness.link.protocol import OP_FP_GET, OP_PROBE, Reply
from harness.machine.ram import GuestRam
from harness.machine.stuck import StuckWatch
from harness.tests.fakes import (
    BOXES,
    FakeMachine,
    MailboxMonitor,
    console_pair,
    default_handler,
    reply,
)
from harness.tests.waiting import PATIENCE_S
from harness.types import Pa


class Rig(NamedTuple):
    link: MailboxLink
    monitor: MailboxMonitor
    machine: FakeMachine
    far: socket.socket


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    ram = GuestRam(1 << 30)
    console, far = console_pair(tmp_path)
    machine = FakeMachine(ram, {"ns": console})
    link, monitor = MailboxLink(machine, BOXES), MailboxMonitor(ram)
    yield Rig(link, monitor, machine, far)
    monitor.stop()
    link.close()
    ram.close()
    far.close()
    console.close()


def _wrapping(request: Request) -> Reply:
    return reply(*((arg + 1) & (1 << 64) - 1 for arg in request.args))


@pytest.fixture(autouse=True)
def _arithmetic(rig: Rig) -> None:
    rig.monitor.handler = lambda request: (
        _wrapping(request) if request.op == 2 else default_handler(request)
    )


@pytest.fixture(autouse=True)
def _pe1_state(rig: Rig, request: pytest.FixtureRequest) -> None:
    if "is_off" not in request.node.name:
        rig.link._boxes[1].words[2] = 1


def test_hello_needs_the_ready_line_only_if_it_comes(rig: Rig) -> None:
    assert rig.link.hello(PATIENCE_S).values[2] == 0


def test_smc_and_many_of_them(rig: Rig) -> None:
    assert rig.link.smc(0xC4000150, -1) == (0xC4000151, 0, 1, 1, 1, 1, 1, 1)
    assert [rig.link.smc(n)[0] for n in range(200)] == list(range(1, 201))
    assert rig.link.calls == 201


@pytest.mark.parametrize("gives_way", [True, False])
def test_the_core_is_given_away_only_if_the_machine_does_so_too(
    rig: Rig, gives_way: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A virtual CPU that spins would keep it."""
    given = []
    monkeypatch.setattr(os, "sched_yield", lambda: given.append(1))
    rig.machine.gives_way = gives_way
    for n in range(20):
        rig.link.smc(n)
    assert bool(given) is gives_way


def test_second_link_continues_where_the_first_stopped(rig: Rig) -> None:
    rig.link.smc(1)
    again = MailboxLink(rig.machine, BOXES)
    assert again.smc(2)[0] == 3
    again.close()


def test_read_and_write_are_plain_memory(rig: Rig) -> None:
    data = os.urandom(10_000)
    rig.link.write(0x4010_0003, data)
    assert rig.link.read(0x4010_0003, 10_000) == data
    assert rig.link.calls == 0


def test_pending_lets_other_pes_work(rig: Rig) -> None:
    pending = rig.link.start_smc(7, pe=1)
    assert rig.link.smc(1)[0] == 2
    assert pending.wait(PATIENCE_S)[0] == 8
    assert pending.done()
    assert pending.wait(0)[0] == 8


def test_answer_that_nobody_fetched_does_not_block_the_pe(rig: Rig) -> None:
    pending = rig.link.start_smc(7)
    while not rig.link._boxes[0].answered():
        pass
    assert rig.link.smc(8)[0] == 9
    assert pending.wait(0)[0] == 8


def test_busy_pe_is_named(rig: Rig) -> None:
    rig.monitor.mute = True
    pending = rig.link.start_smc(0xC4000150)
    assert not pending.done()
    with pytest.raises(LinkError, match=r"not possible: RMI_VERSION.* PE 0 is still under way"):
        rig.link.smc(1)
    rig.monitor.mute = False
    pending.wait(PATIENCE_S)


def test_pe_that_is_off_is_named_until_it_is_on(rig: Rig) -> None:
    with pytest.raises(LinkError, match=r"PE 1 is not possible: it is off\nhint: cpu_on\(\) first"):
        rig.link.smc(1, pe=1)
    assert rig.link.cpu_on(1) == 0
    assert rig.link.smc(1, pe=1)[0] == 2


def test_probe_and_registers_bring_their_data(rig: Rig) -> None:
    registers = os.urandom(512)
    answers = {OP_PROBE: reply(2, data=b"\x05\x00"), OP_FP_GET: reply(data=registers)}
    rig.monitor.handler = lambda request: answers.get(request.op, reply())
    assert rig.link.probe(0x8000_0000, 9) == (True, False, True, *([False] * 6))
    assert rig.link.fp_get() == registers
    with pytest.raises(LinkError, match="512 bytes, not 3"):
        rig.link.fp_set(b"abc")


def test_program_results_are_read_from_memory(rig: Rig) -> None:
    rig.monitor.handler = lambda _: reply(3, 0, 0, 0, 1000)
    program = Program([Step(0, (0x8000_0000,), (8,), STEP_READ)], Pa(0x7001_0000), 3, 2)
    rig.machine.ram.write_u64(program.results_at + 8, 42)
    result = rig.link.run_program(program)
    assert (result.ok, result.executed, result.first_failure, result.ticks) == (True, 3, None, 1000)
    assert result.results == ((0, 42, *(0,) * 6), (0,) * 8)


def test_unaligned_program_and_too_many_arguments_are_refused(rig: Rig) -> None:
    with pytest.raises(LinkError, match="aligned to 64 bytes, not lie at 0x70000008"):
        rig.link.run_program(Program([], Pa(0x7000_0008)))
    with pytest.raises(LinkError, match="at most 7 arguments"):
        rig.link.run_program(Program([Step(1, (0,) * 8)], Pa(0x7000_0000)))


def test_hang_is_a_time_out_with_call_and_machine(rig: Rig) -> None:
    rig.link.smc(0xC4000150, 0x10000)
    rig.monitor.mute = True
    with pytest.raises(LinkTimeout) as caught:
        rig.link.smc(0xC400015C, 0x8000_0000, 0x8000_1000, timeout_s=0.1)
    text = str(caught.value)
    assert "did not answer RMI_REC_ENTER(0x80000000, 0x80001000) on PE 0 in 0.1 s" in text
    assert "PE 0: RMI_VERSION(0x10000) -> " in text
    assert "a fake machine" in text


@pytest.mark.parametrize("problem", [MachineDied("it is gone"), AlarmRaised("RMM PANIC: x")])
def test_sick_machine_ends_the_wait_at_once(rig: Rig, problem: Exception) -> None:
    rig.monitor.mute = True
    rig.machine.sick.append(problem)
    with pytest.raises(type(problem), match=str(problem)):
        rig.link.smc(1, timeout_s=3600)


def test_boot_that_never_arrives_is_a_boot_failure(rig: Rig) -> None:
    rig.link._boxes[0].words[2] = 0
    with pytest.raises(BootFailed, match=r"within 0\.1 s: it never served its mailbox\na fake"):
        rig.link.hello(0.1)


def test_boot_with_an_alarm_is_a_boot_failure(rig: Rig) -> None:
    rig.machine.sick.append(AlarmRaised("RMM init failed: -7", hint="manifest"))
    with pytest.raises(BootFailed, match=r"RMM init failed: -7\na fake machine\nhint: manifest"):
        rig.link.hello(3600)


def test_mailboxes_outside_of_ram_are_refused(rig: Rig) -> None:
    with pytest.raises(StackError, match="not all in guest RAM") as caught:
        MailboxLink(rig.machine, 0x1000)
    assert "is machine.memory too small" in caught.value.hint


def test_firmware_that_turns_in_circles_is_not_waited_for(rig: Rig) -> None:
    class Stuck(StuckWatch):
        def stuck(self) -> bool:
            return True

    rig.machine.stuck_watch = Stuck(list, lambda: 0, lambda: 0.0)
    rig.monitor.stop()
    rig.link._boxes[0].words[2] = 0
    with pytest.raises(BootFailed, match="never served its mailbox, and nothing moves any more"):
        rig.link.hello(timeout_s=60)


def test_answer_may_be_looked_at_again(rig: Rig) -> None:
    ticket = rig.link.start(2, (1,))
    assert rig.link.wait_for(ticket, Deadline.after(60)).values[0] == 2
    newer = rig.link.start(2, (5,))
    assert rig.link.poll(ticket)
    assert rig.link.wait_for(ticket, Deadline.after(0)).values[0] == 2
    assert rig.link.wait_for(newer, Deadline.after(60)).values[0] == 6
    assert rig.link.calls == 2


def test_hello_has_one_deadline(rig: Rig) -> None:
    """The greeting of a monitor that serves has no time of its own."""
    rig.monitor.mute = True
    with pytest.raises(BootFailed, match=r"did not answer HELLO.* in 0\.3 s"):
        rig.link.hello(0.3)
