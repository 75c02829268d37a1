# SPDX-License-Identifier: BSD-3-Clause
"""Emulated MMIO: what a load or store at an unassigned unprotected IPA tells the host, and back."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from harness.realm import DataAbort, Exit, GuestRealm, IrqExit, NormalWorld, Reentry, a64
from harness.realm.exits import EC_DATA_ABORT
from harness.rmi import EnterFlags
from harness.types import MASK64, Ipa

pytestmark = [pytest.mark.realm, pytest.mark.requires("realms")]

DEVICE = Ipa((1 << 39) + 0x0900_0000 + 0x18)
HOST_VALUE = 0xF1E2_D3C4_B5A6_9788
REALM_VALUE = 0x8897_A6B5_C4D3_E2F1
BASE_REGISTER = 3
EMULATE = EnterFlags.EMUL_MMIO

EXPOSED_ESR_BITS = 0x3F << 26 | 1 << 25 | 1 << 24 | 3 << 22 | 1 << 15 | 0x1C40 | 1 << 9 | 0x3F
"""EC, IL, ISV, SAS, SF, SET and FnV and WnR, EA, DFSC: all that an emulatable abort may show."""


@dataclass(frozen=True)
class Load:
    """A load instruction: bytes it reads, sign extension, whether it writes X or W."""

    width_bytes: int
    signed: bool
    to_64bit: bool

    @property
    def name(self) -> str:
        suffix = {1: "b", 2: "h", 4: "w" if self.signed else "", 8: ""}[self.width_bytes]
        return f"ldr{'s' if self.signed else ''}{suffix}_{'x' if self.to_64bit else 'w'}"

    def word(self, rt: int) -> int:
        return a64.load(
            rt,
            BASE_REGISTER,
            width_bytes=self.width_bytes,
            signed=self.signed,
            to_64bit=self.to_64bit,
        )

    def result(self, value: int) -> int:
        """What the register holds afterwards, by the architecture."""
        bits = 8 * self.width_bytes
        data = value & (1 << bits) - 1
        if self.signed and data >> bits - 1:
            data -= 1 << bits
        return data & (MASK64 if self.to_64bit else 0xFFFF_FFFF)


LOADS = [
    Load(1, signed=False, to_64bit=False),
    Load(2, signed=False, to_64bit=False),
    Load(4, signed=False, to_64bit=False),
    Load(8, signed=False, to_64bit=True),
    Load(1, signed=True, to_64bit=False),
    Load(2, signed=True, to_64bit=False),
    Load(1, signed=True, to_64bit=True),
    Load(2, signed=True, to_64bit=True),
    Load(4, signed=True, to_64bit=True),
]
each_load = pytest.mark.parametrize("load", LOADS, ids=[load.name for load in LOADS])
each_width = pytest.mark.parametrize("width_bytes", [1, 2, 4, 8])
each_register = pytest.mark.parametrize("rt", [0, 1, 15, 29, 30])


def loaded(guest: GuestRealm, load: Load, rt: int = 2) -> Exit:
    """Let the realm load from the device into a register that holds something else."""
    return guest.guest.submit_insn(load.word(rt), [(BASE_REGISTER, DEVICE), (rt, 0x5A)])


def stored(guest: GuestRealm, width_bytes: int, rt: int = 2, value: int = REALM_VALUE) -> Exit:
    """Let the realm store a register to the device."""
    word = a64.store(rt, BASE_REGISTER, width_bytes=width_bytes)
    return guest.guest.submit_insn(word, [(BASE_REGISTER, DEVICE), (rt, value)])


@each_load
def test_load_exit_describes_the_access(guest: GuestRealm, load: Load) -> None:
    """ISV, SAS, SF and WnR of a load, and its address (MMIO-01)."""
    seen = loaded(guest, load)
    assert isinstance(seen, DataAbort)
    assert seen.emulatable
    assert not seen.is_write
    assert seen.width_bytes == load.width_bytes
    assert seen.is_64bit_register == load.to_64bit
    assert seen.ipa == DEVICE


@each_load
def test_load_gets_the_host_value(guest: GuestRealm, load: Load) -> None:
    """EMUL_MMIO puts the value, masked and extended, into Rt; nothing else changes (MMIO-02)."""
    loaded(guest, load)
    report = guest.guest.finish(guest.guest.resume(Reentry(EMULATE, (HOST_VALUE,))))
    assert report.ok
    assert report.values[1] == load.result(HOST_VALUE)
    assert report.values[3] == 1 << 2


@pytest.mark.parametrize("load", LOADS[:4], ids=[load.name for load in LOADS[:4]])
def test_positive_value_is_extended_with_zeros(guest: GuestRealm, load: Load) -> None:
    """The upper bits of Rt are cleared by a load, whatever the host left in gprs[0]."""
    loaded(guest, load)
    value = MASK64 ^ 1 << 8 * load.width_bytes - 1
    report = guest.guest.finish(guest.guest.resume(Reentry(EMULATE, (value,))))
    assert report.values[1] == load.result(value)


@each_register
def test_load_into_any_register(guest: GuestRealm, rt: int) -> None:
    """The value lands in Rt and in no other register (MMIO-10)."""
    loaded(guest, LOADS[3], rt)
    report = guest.guest.finish(guest.guest.resume(Reentry(EMULATE, (HOST_VALUE,))))
    assert (report.values[1], report.values[3]) == (HOST_VALUE, 1 << rt)


def test_load_into_the_zero_register_changes_nothing(guest: GuestRealm) -> None:
    """A load with Rt = 31 discards the value (MMIO-10)."""
    seen = guest.guest.submit_insn(LOADS[3].word(a64.XZR), [(BASE_REGISTER, DEVICE)])
    assert isinstance(seen, DataAbort)
    assert seen.emulatable
    report = guest.guest.finish(guest.guest.resume(Reentry(EMULATE, (HOST_VALUE,))))
    assert report.ok
    assert report.values[3] == 0


@each_width
def test_store_exit_shows_the_value(guest: GuestRealm, width_bytes: int) -> None:
    """gprs[0] is what the realm stores, cut to the access size (MMIO-03)."""
    seen = stored(guest, width_bytes)
    assert isinstance(seen, DataAbort)
    assert seen.emulatable
    assert seen.is_write
    assert (seen.width_bytes, seen.ipa) == (width_bytes, DEVICE)
    assert seen.value == REALM_VALUE & (1 << 8 * width_bytes) - 1
    assert not any(seen.gprs[1:])


@each_width
def test_store_goes_on_with_no_register_changed(guest: GuestRealm, width_bytes: int) -> None:
    """EMUL_MMIO after a store moves PC on; gprs[0] of the entry is ignored (MMIO-03)."""
    stored(guest, width_bytes)
    report = guest.guest.finish(guest.guest.resume(Reentry(EMULATE, (HOST_VALUE,))))
    assert report.ok
    assert report.values[3] == 0


@each_register
def test_store_from_any_register(guest: GuestRealm, rt: int) -> None:
    """The value of exactly the register named by the instruction is shown (MMIO-10)."""
    seen = stored(guest, 8, rt)
    assert isinstance(seen, DataAbort)
    assert seen.value == REALM_VALUE


def test_store_of_the_zero_register_shows_zero(guest: GuestRealm) -> None:
    """A store with Rt = 31 writes zero (MMIO-10)."""
    word = a64.store(a64.XZR, BASE_REGISTER, width_bytes=8)
    seen = guest.guest.submit_insn(word, [(BASE_REGISTER, DEVICE)])
    assert isinstance(seen, DataAbort)
    assert (seen.is_write, seen.value) == (True, 0)


@pytest.mark.parametrize("load", [LOADS[0], LOADS[6]], ids=["unsigned", "signed"])
def test_load_exit_shows_nothing_else(guest: GuestRealm, load: Load) -> None:
    """A load shows esr, hpfar and the page offset in far: no register, no SRT, no SSE (MMIO-01)."""
    seen = loaded(guest, load, 17)
    assert isinstance(seen, DataAbort)
    assert set(seen.specific()) == {"esr", "far", "hpfar"}
    assert seen.number("far") == DEVICE & 0xFFF
    assert seen.ec == EC_DATA_ABORT
    assert seen.esr & ~EXPOSED_ESR_BITS == 0


def test_store_exit_shows_nothing_else(guest: GuestRealm) -> None:
    """A store shows in addition its value in gprs[0]."""
    seen = stored(guest, 1, 17)
    assert isinstance(seen, DataAbort)
    assert set(seen.specific()) == {"esr", "far", "hpfar", "gprs"}
    assert seen.esr & ~EXPOSED_ESR_BITS == 0


def test_exit_area_is_written_whole(guest: GuestRealm, ns: NormalWorld) -> None:
    """Whatever the host left in the exit area is gone after an exit."""
    exit_area = guest.rec.run + 0x800
    ns.write(exit_area, b"\xa5" * 0x800)
    loaded(guest, LOADS[3])
    left = ns.read(exit_area, 0x800)
    assert b"\xa5" not in left


def test_entry_without_emulation_repeats_the_access(guest: GuestRealm) -> None:
    """Neither EMUL_MMIO nor INJECT_SEA: the instruction runs again (MMIO-04)."""
    first = stored(guest, 4)
    second = guest.guest.resume()
    assert isinstance(second, DataAbort)
    assert second.specific() == first.specific()


def test_repeated_access_can_still_be_emulated(guest: GuestRealm) -> None:
    """EMUL_MMIO refers to the exit just before, not to the first of its kind."""
    loaded(guest, LOADS[3])
    guest.guest.resume()
    report = guest.guest.finish(guest.guest.resume(Reentry(EMULATE, (HOST_VALUE,))))
    assert report.values[1] == HOST_VALUE


def test_injected_abort_reaches_the_realm_at_the_access(guest: GuestRealm) -> None:
    """INJECT_SEA gives a synchronous external abort with the faulting address (MMIO-05)."""
    loaded(guest, LOADS[3])
    report = guest.guest.finish(guest.guest.resume(Reentry(EnterFlags.INJECT_SEA, (HOST_VALUE,))))
    assert report.is_external_abort
    assert (report.exceptions, report.far) == (1, DEVICE)


def test_injected_abort_leaves_the_target_register(guest: GuestRealm) -> None:
    """The load that takes the injected abort has not happened."""
    loaded(guest, LOADS[3])
    report = guest.guest.finish(guest.guest.resume(Reentry(EnterFlags.INJECT_SEA, (HOST_VALUE,))))
    assert (report.values[1], report.values[3]) == (0x5A, 0)


def test_emulated_value_survives_an_interrupt(guest: GuestRealm, ns: NormalWorld) -> None:
    """The entry that carries the value is interrupted at once: the load has happened (MMIO-12)."""
    loaded(guest, LOADS[3])
    with ns.interrupt_pending():
        seen = guest.guest.resume(Reentry(EMULATE, (HOST_VALUE,)))
    assert isinstance(seen, IrqExit)
    report = guest.guest.finish(guest.guest.resume())
    assert (report.values[1], report.values[3]) == (HOST_VALUE, 1 << 2)


def test_many_emulated_accesses_in_a_row(guest: GuestRealm) -> None:
    """Each access exits once and is emulated on its own: TOUCH adds up what the host gave."""
    seen = guest.guest.submit("TOUCH", DEVICE, 16, 4)
    exits: list[int] = []

    def emulate(access: Exit) -> Reentry:
        assert isinstance(access, DataAbort)
        exits.append(access.ipa)
        return Reentry(EMULATE, (len(exits),))

    report = guest.guest.finish(seen, handler=emulate)
    assert exits == [DEVICE + 4 * n for n in range(16)]
    assert report.value == sum(range(1, 17))
