# SPDX-License-Identifier: BSD-3-Clause
"""Both links against the real monitor under the real firmware."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.abi import tables
from harness.errors import MachineDied, ProvisionError
from harness.link import Link, MailboxLink, Program, SerialLink, Step
from harness.machine import Machine
from harness.stack import BuiltStack, build_stack, load_stack
from harness.types import GRANULE_BYTES, Pa

pytestmark = pytest.mark.qemu

VERSION = tables().command("RMI_VERSION").fid
DELEGATE = tables().command("RMI_GRANULE_DELEGATE").fid
UNDELEGATE = tables().command("RMI_GRANULE_UNDELEGATE").fid
GRANULE = Pa(0x8000_0000)
SCRATCH = Pa(0x9000_0000)
RMM_CODE = Pa(0x4010_0000)
GPF_ON_ACCESS = 0x28
"""Fault status code of a granule protection fault that is not on a table walk."""


@pytest.fixture(scope="module")
def built() -> BuiltStack:
    try:
        return build_stack(load_stack("embedded"))
    except ProvisionError as problem:
        pytest.skip(str(problem))


@pytest.fixture
def machine(built: BuiltStack, tmp_path: Path) -> Iterator[Machine]:
    with Machine.launch(built, tmp_path) as started:
        yield started


@pytest.fixture(params=["mailbox", "serial"])
def link(request: pytest.FixtureRequest, machine: Machine, built: BuiltStack) -> Iterator[Link]:
    if request.param == "mailbox":
        made = MailboxLink(machine, built.elfs["host"])
        made.hello()
        yield made
        made.close()
    else:
        serial = SerialLink(machine.consoles["ns"])
        serial.hello()
        yield serial


def test_calls_and_their_log(link: Link) -> None:
    assert [link.smc(VERSION, 0x10000)[:2] for _ in range(50)] == [(0, 0x10000)] * 50
    assert link.last_calls(1) == ["PE 0: RMI_VERSION(0x10000) -> 0x0, 0x10000, 0x10000"]


def test_memory_both_ways(link: Link) -> None:
    data = os.urandom(5000)
    link.write(SCRATCH, data)
    assert link.read(SCRATCH, 5000) == data
    assert link.peek(SCRATCH, 1).value == data[0]
    assert link.poke(SCRATCH, 4, 0x12345678).ok
    assert link.read(SCRATCH, 5) == bytes.fromhex("78563412") + data[4:5]
    link.fill(SCRATCH, 5000, 0xA5)
    assert link.read(SCRATCH, 5000) == b"\xa5" * 5000


def test_protection_fault_is_an_outcome(link: Link) -> None:
    for outcome in (link.peek(RMM_CODE), link.poke(RMM_CODE, 8, 1), link.fetch(RMM_CODE)):
        assert outcome.aborted
        assert outcome.fault_status == GPF_ON_ACCESS
        assert outcome.far == RMM_CODE
    assert link.probe(RMM_CODE - GRANULE_BYTES, 3) == (False, True, True)


def test_two_pes_race_for_the_same_granules(link: Link) -> None:
    assert link.cpu_on(1) == 0
    count, barrier = 64, SCRATCH + 0x10_0000
    link.write(barrier, bytes(8))
    step = Step(DELEGATE, (GRANULE,), (GRANULE_BYTES,))
    running = [
        link.start_program(
            Program(
                [step],
                Pa(SCRATCH + pe * 0x1_0000),
                repeat=count,
                barrier=barrier,
                barrier_count=2,
            ),
            pe=pe,
        )
        for pe in (1, 0)  # PE 0 serves the serial line, until its own program runs
    ]
    results = [pending.wait(30) for pending in running]
    assert [result.executed for result in results] == [count, count]
    assert sum(result.failed for result in results) == count
    assert all(link.probe(GRANULE, count))


def test_program_stops_at_the_first_failure_when_asked(link: Link) -> None:
    steps = [Step(DELEGATE, (GRANULE,)), Step(DELEGATE, (GRANULE,)), Step(UNDELEGATE, (GRANULE,))]
    result = link.run_program(Program(steps, SCRATCH, 1, 8, stop_at_failure=True))
    assert (result.executed, result.failed, result.first_failure) == (2, 1, 1)
    assert result.first_failure_x0 == tables().statuses["RMI_ERROR_INPUT"]
    assert [x0 for x0, *_ in result.results] == [0, result.first_failure_x0]


@pytest.mark.parametrize("area", [None, SCRATCH])
def test_many_calls_at_once_are_booked_one_by_one(link: Link, area: Pa | None) -> None:
    """The mailbox packs them where it has memory for that; nothing else shows it."""
    if isinstance(link, MailboxLink):
        link.batch_area = area
    seen: list[tuple[int, tuple[int, ...], tuple[int, ...]]] = []
    link.observers.append(lambda pe, args, values: seen.append((pe, args, values)))
    calls = [(DELEGATE, GRANULE + n * GRANULE_BYTES) for n in range(150)]
    done = link.smc_each(calls)
    assert [values[0] for values in done] == [0] * 150
    assert seen == [(0, call, values) for call, values in zip(calls, done, strict=True)]
    assert all(link.probe(GRANULE, 150))


@pytest.mark.parametrize("area", [None, SCRATCH])
def test_many_calls_end_at_the_first_failure_when_asked(link: Link, area: Pa | None) -> None:
    if isinstance(link, MailboxLink):
        link.batch_area = area
    granules = [GRANULE, GRANULE + GRANULE_BYTES, GRANULE, GRANULE + 2 * GRANULE_BYTES]
    done = link.smc_each([(DELEGATE, granule) for granule in granules], stop_at_failure=True)
    assert [values[0] for values in done] == [0, 0, tables().statuses["RMI_ERROR_INPUT"]]
    assert link.probe(GRANULE, 3) == (True, True, False)


def test_pe_may_leave_and_come_back(link: Link) -> None:
    for _ in range(3):
        assert link.cpu_on(1) == 0
        assert link.smc(VERSION, 0x10000, pe=1)[0] == 0
        link.cpu_off(1)


def test_registers_of_a_pe(link: Link) -> None:
    registers = os.urandom(512)
    link.fp_set(registers)
    assert link.fp_get() == registers
    assert link.sysreg_read("CNTFRQ_EL0") > 0
    link.sysreg_write("TPIDR_EL0", -1)
    assert link.sysreg_read("TPIDR_EL0") == (1 << 64) - 1


def test_interrupts_are_seen_and_taken(link: Link) -> None:
    assert link.cpu_on(1) == 0
    assert link.irq_pending(pe=1) is None
    link.sgi(1, 5)
    while link.irq_pending(pe=1) is None:
        pass
    assert link.irq_ack(pe=1) == 5
    assert link.irq_pending(pe=1) is None


def test_noise_towards_the_monitor_does_no_harm(machine: Machine) -> None:
    link = SerialLink(machine.consoles["ns"])
    link.hello()
    for _ in range(5):
        machine.consoles["ns"].send(os.urandom(200))
        assert link.smc(VERSION, 0x10000)[0] == 0
    machine.check()


def test_qemu_killed_in_mid_program(machine: Machine, built: BuiltStack) -> None:
    link = MailboxLink(machine, built.elfs["host"])
    link.hello()
    endless = Program([Step(VERSION, (0x10000,))], SCRATCH, repeat=1 << 60)
    pending = link.start_program(endless)
    killer = threading.Timer(0.2, os.kill, (machine.pid, signal.SIGKILL))
    killer.start()
    with pytest.raises(MachineDied, match="killed by SIGKILL") as caught:
        pending.wait(3600)
    assert "MONITOR READY" in str(caught.value)
    killer.join()
    link.close()


def test_addresses_have_names(machine: Machine, built: BuiltStack) -> None:
    for name in ("host", "rmm"):
        start = machine.symboliser.file(name).code_range[0]
        assert f" {name}: " in machine.symbolise(start + 0x100)
