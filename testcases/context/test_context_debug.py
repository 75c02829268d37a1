# SPDX-License-Identifier: BSD-3-Clause
"""Self-hosted debug: the realm's watchpoints work, the host's do not reach into the realm."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest

from harness.realm import GuestRealm, NormalWorld, Report, a64
from harness.types import Pa

pytestmark = [pytest.mark.realm, pytest.mark.requires("realms")]

MDSCR_EL1 = (2, 0, 0, 2, 2)
DBGWVR0_EL1, DBGWCR0_EL1 = (2, 0, 0, 0, 6), (2, 0, 0, 0, 7)
OSLAR_EL1, OSLSR_EL1 = (2, 0, 1, 0, 4), (2, 0, 1, 1, 4)
KDE_MDE = 1 << 13 | 1 << 15
EMBWE = 1 << 32
OS_LOCKED = 1 << 1
ARMED = 0xFF << 5 | 0b11 << 3 | 0b11 << 1 | 1
"""DBGWCR: all eight bytes, loads and stores, EL1 and EL0, enabled."""
UNMASK_DEBUG = 0xD50348FF
"""``MSR DAIFClr, #8``"""
EC_WATCHPOINT_SAME_EL = 0x35
RESULT_OFFSET = 0x800


class HostDebug:
    """Debug registers of the host, by code that it runs."""

    def __init__(self, ns: NormalWorld) -> None:
        self.ns = ns
        self.page: Pa = ns.page()

    def run(self, words: Sequence[int]) -> None:
        """Execute instructions at NS-EL2. Stores of the PE itself bring them there."""
        for n, word in enumerate([*words, a64.RET]):
            self.ns.link.poke(self.page + 4 * n, 4, word)
        assert not self.ns.link.fetch(self.page).aborted

    def write(self, register: tuple[int, int, int, int, int], value: int) -> None:
        """MSR."""
        self.run([*a64.mov(0, value), a64.msr(0, *register)])

    def read(self, register: tuple[int, int, int, int, int]) -> int:
        """MRS."""
        result = self.page + RESULT_OFFSET
        self.run([a64.mrs(0, *register), *a64.mov(1, result), a64.store(0, 1, width_bytes=8)])
        return self.ns.link.peek(result).value

    def watch(self, address: int) -> None:
        """Arm watchpoint 0."""
        self.write(DBGWVR0_EL1, address)
        self.write(DBGWCR0_EL1, ARMED)


@pytest.fixture
def host(ns: NormalWorld) -> Iterator[HostDebug]:
    """The host's debug registers, which are as before afterwards."""
    host = HostDebug(ns)
    registers = (DBGWVR0_EL1, DBGWCR0_EL1)
    before = [host.read(register) for register in registers]
    locked = host.read(OSLSR_EL1) & OS_LOCKED
    yield host
    for register, value in zip(registers, before, strict=True):
        host.write(register, value)
    host.write(OSLAR_EL1, locked >> 1)


def watched_address(guest: GuestRealm) -> int:
    """Where the REC's state begins, which the payload uses all the time."""
    return guest.guest.hello().values[6] & ~0x7FF


def enable_debug(guest: GuestRealm) -> None:
    """Let the payload take debug exceptions: MDSCR_EL1.KDE and MDE, PSTATE.D clear."""
    guest.guest.execute(a64.msr(0, *MDSCR_EL1), [(0, KDE_MDE)])
    guest.guest.execute(UNMASK_DEBUG)


def watch_in_realm(guest: GuestRealm, address: int) -> Report:
    """The payload arms watchpoint 0 and reads there."""
    enable_debug(guest)
    guest.guest.execute(a64.msr(0, *DBGWVR0_EL1), [(0, address)])
    guest.guest.execute(a64.msr(0, *DBGWCR0_EL1), [(0, ARMED)])
    return guest.guest.read(address)


def test_host_watchpoint_does_not_fire_in_the_realm(guest: GuestRealm, host: HostDebug) -> None:
    """A realm that enables debug exceptions, and has no watchpoint, takes none (CPU-17)."""
    address = watched_address(guest)
    host.write(OSLAR_EL1, 0)
    host.watch(address)
    enable_debug(guest)
    assert guest.guest.read(address).ok


@pytest.mark.parametrize("locked", [0, 1])
def test_realm_watchpoint_fires(guest: GuestRealm, host: HostDebug, locked: int) -> None:
    """Whatever the host has in its OS lock: the realm's is open."""
    host.write(OSLAR_EL1, locked)
    seen = watch_in_realm(guest, watched_address(guest))
    assert seen.took_exception
    assert seen.ec == EC_WATCHPOINT_SAME_EL


@pytest.mark.parametrize("locked", [0, 1])
def test_host_finds_its_debug_registers_again(
    guest: GuestRealm, host: HostDebug, locked: int
) -> None:
    """Watchpoint and OS lock of the host survive a realm that has its own (CPU-17)."""
    host.write(DBGWVR0_EL1, 0x1230_0000)
    host.write(DBGWCR0_EL1, ARMED - 1)
    host.write(OSLAR_EL1, locked)
    watch_in_realm(guest, watched_address(guest))
    assert host.read(DBGWVR0_EL1) == 0x1230_0000
    assert host.read(DBGWCR0_EL1) == ARMED - 1
    assert host.read(OSLSR_EL1) & OS_LOCKED == locked << 1


def test_realm_cannot_reach_further_breakpoints(guest: GuestRealm) -> None:
    """MDSCR_EL1 keeps the bits of self-hosted debug, not those of hidden features."""
    guest.guest.execute(a64.msr(0, *MDSCR_EL1), [(0, KDE_MDE | EMBWE)])
    assert guest.guest.execute(a64.mrs(0, *MDSCR_EL1), [(0, 0)]).value == KDE_MDE
