# SPDX-License-Identifier: BSD-3-Clause
"""The EL1 timers of a realm: they exit to the host, which injects their interrupt."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from harness.deadline import Deadline
from harness.plugin.fixtures import MakeGuest
from harness.realm import Exit, GuestRealm, HostCallExit, IrqExit, NormalWorld, Reentry, Report
from harness.realm.gic import PHYSICAL_TIMER_INTID, VIRTUAL_TIMER_INTID, list_register
from harness.types import Ipa

pytestmark = [pytest.mark.realm, pytest.mark.requires("realms")]

SHARED = Ipa(1 << 39)
TICKS_LONG = 1 << 40
ENABLE, IMASK, ISTATUS = 1, 2, 4
TRIES = 10


@dataclass(frozen=True)
class Timer:
    """One of the two timers: its number in the payload, its field names, its interrupt."""

    number: int
    name: str
    intid: int

    def control(self, seen: Exit) -> int:
        return seen.number(f"{self.name}_ctl")

    def compare(self, seen: Exit) -> int:
        return seen.number(f"{self.name}_cval")


TIMERS = [Timer(0, "cntv", VIRTUAL_TIMER_INTID), Timer(1, "cntp", PHYSICAL_TIMER_INTID)]
each_timer = pytest.mark.parametrize("timer", TIMERS, ids=["virtual", "physical"])


@pytest.fixture
def listening(guest: GuestRealm, interrupt_exits: None) -> GuestRealm:  # noqa: ARG001
    """A realm whose CPU interface is on."""
    assert guest.guest.run("IRQ_SETUP").ok
    return guest


def milliseconds(guest: GuestRealm, count: int) -> int:
    """Counter ticks of some milliseconds."""
    return guest.guest.hello().values[4] * count // 1000


def arm(guest: GuestRealm, timer: Timer, ms: int, *, imask: int = 0) -> Report:
    """Arm a timer; again if it ran out before the command ended, as on a busy machine it may."""
    ticks = milliseconds(guest, ms)
    for _ in range(TRIES):
        seen = guest.guest.submit("TIMER", timer.number, ticks, imask)
        while isinstance(seen, IrqExit):
            seen = guest.guest.resume()
        if timer.control(seen) != ENABLE | ISTATUS:
            return Report.of(seen)
    raise AssertionError(f"the {timer.name} timer runs out in {ms} ms before it can be waited for")


def fire(guest: GuestRealm, timer: Timer, command: str = "IRQ_WAIT") -> IrqExit:
    """Let a timer run out while the realm executes a command."""
    arm(guest, timer, 2)
    seen = guest.guest.submit(command, TICKS_LONG)
    assert isinstance(seen, IrqExit)
    return seen


@each_timer
def test_timer_that_runs_out_exits(listening: GuestRealm, timer: Timer) -> None:
    """An IRQ exit with the timer's control and compare value (TIM-01)."""
    armed = arm(listening, timer, 2)
    seen = listening.guest.submit("IRQ_WAIT", TICKS_LONG)
    assert isinstance(seen, IrqExit)
    assert timer.control(seen) == ENABLE | ISTATUS
    assert timer.compare(seen) == armed.values[1]


@each_timer
def test_exit_of_a_timer_shows_no_syndrome(listening: GuestRealm, timer: Timer) -> None:
    """An IRQ exit has no fields of its own (EXIT-03)."""
    assert fire(listening, timer).specific() == {}


@each_timer
def test_realm_takes_the_injected_interrupt(listening: GuestRealm, timer: Timer) -> None:
    """The host injects the timer's interrupt; the realm takes it once (TIM-02)."""
    fire(listening, timer)
    inject = Reentry(gicv3_lrs=(list_register(timer.intid),))
    seen = listening.guest.resume(inject)
    report = listening.guest.finish(seen, handler=lambda e: Reentry(gicv3_lrs=e.lrs))
    assert (report.value, report.values[1]) == (1, timer.intid)


@each_timer
def test_timer_masked_by_the_realm_is_reported(listening: GuestRealm, timer: Timer) -> None:
    """The handler masks the timer: its output falls, which is another IRQ exit (exits.md 9)."""
    fire(listening, timer)
    seen = listening.guest.resume(Reentry(gicv3_lrs=(list_register(timer.intid),)))
    assert isinstance(seen, IrqExit)
    assert timer.control(seen) == ENABLE | IMASK | ISTATUS


@pytest.mark.usefixtures("interrupt_exits")
@each_timer
def test_fired_timer_exits_once(guest: GuestRealm, ns: NormalWorld, timer: Timer) -> None:
    """Entering again without a change of the timer runs on: no storm of exits."""
    shared = guest.realm.share_page(SHARED)
    arm(guest, timer, 2)
    seen = guest.guest.submit("SPIN_UNTIL", SHARED, 1, TICKS_LONG)
    assert isinstance(seen, IrqExit)
    ns.poke(shared, 1)
    assert guest.guest.finish(guest.guest.resume()).value == 1


@each_timer
def test_masked_timer_does_not_exit(guest: GuestRealm, timer: Timer) -> None:
    """IMASK: the condition is met, the exit record shows it, and nothing interrupts.

    QEMU updates ISTATUS late, but at the latest when a REC is entered: hence the NOP.
    """
    arm(guest, timer, 1, imask=1)
    assert isinstance(guest.guest.submit("SPIN", milliseconds(guest, 3)), HostCallExit)
    seen = guest.guest.submit("NOP")
    assert isinstance(seen, HostCallExit)
    assert timer.control(seen) == ENABLE | IMASK | ISTATUS


@each_timer
def test_disabled_timer_does_not_exit(guest: GuestRealm, timer: Timer) -> None:
    """ENABLE = 0: the timer is off, whatever its compare value."""
    guest.guest.run("TIMER", timer.number, 0)
    seen = guest.guest.submit("SPIN", milliseconds(guest, 2))
    assert isinstance(seen, HostCallExit)
    assert timer.control(seen) & ENABLE == 0


@each_timer
def test_running_timer_is_shown_at_every_exit(guest: GuestRealm, timer: Timer) -> None:
    """A timer that has not run out: ENABLE alone, and its compare value."""
    seen = guest.guest.submit("TIMER", timer.number, TICKS_LONG)
    assert timer.control(seen) == ENABLE
    assert timer.compare(seen) == Report.of(seen).values[1]


@each_timer
def test_timer_that_runs_out_in_the_host_exits_at_entry(
    guest: GuestRealm, ns: NormalWorld, timer: Timer
) -> None:
    """The compare value passes between two entries: the next one exits at once."""
    end = arm(guest, timer, 2).values[1]
    deadline = Deadline.after(5)
    while ns.link.sysreg_read("CNTPCT_EL0") <= end:
        assert not deadline.expired
    seen = guest.guest.submit("SPIN", TICKS_LONG)
    assert isinstance(seen, IrqExit)
    assert timer.control(seen) == ENABLE | ISTATUS


@each_timer
def test_timer_armed_again_fires_again(listening: GuestRealm, timer: Timer) -> None:
    """A new compare value takes the output back; running out is a new exit."""
    first = fire(listening, timer)
    seen = listening.guest.resume(Reentry(gicv3_lrs=(list_register(timer.intid),)))
    listening.guest.finish(seen, handler=lambda e: Reentry(gicv3_lrs=e.lrs))
    second = fire(listening, timer)
    assert timer.compare(second) > timer.compare(first)


@each_timer
def test_timer_ends_the_sleep_of_the_realm(listening: GuestRealm, timer: Timer) -> None:
    """WFI that is not trapped ends when the timer of the realm runs out."""
    arm(listening, timer, 2)
    seen = listening.guest.submit("IRQ_WAIT", TICKS_LONG, 1)
    assert isinstance(seen, IrqExit)
    assert timer.control(seen) == ENABLE | ISTATUS


def test_both_timers_are_kept_apart(guest: GuestRealm) -> None:
    """Arming one timer leaves the other as it was."""
    for timer in TIMERS:
        guest.guest.run("TIMER", timer.number, TICKS_LONG + timer.number)
    seen = guest.guest.submit("TIMER", TIMERS[1].number, 0)
    assert TIMERS[0].control(seen) == ENABLE
    assert TIMERS[1].control(seen) & ENABLE == 0


@each_timer
def test_timers_of_two_realms_are_kept_apart(make_guest: MakeGuest, timer: Timer) -> None:
    """A timer belongs to its REC: the other realm's exits show it off."""
    one, other = make_guest(), make_guest()
    armed = guest_timer(one, timer)
    assert timer.control(other.guest.submit("NOP")) & ENABLE == 0
    seen = one.guest.submit("NOP")
    assert (timer.control(seen), timer.compare(seen)) == (ENABLE, armed)


def guest_timer(guest: GuestRealm, timer: Timer) -> int:
    """Arm a timer far in the future; its compare value."""
    return guest.guest.run("TIMER", timer.number, TICKS_LONG).values[1]
