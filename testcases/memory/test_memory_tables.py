# SPDX-License-Identifier: BSD-3-Clause
"""A realm whose own (stage 1) tables are not what they were when its access faulted."""

from __future__ import annotations

import pytest

from harness.plugin.fixtures import MakeGuest
from harness.realm import DataAbort, Guest, GuestRealm, Reentry, a64
from harness.realm.zoo import SPECIAL
from harness.rmi import EnterFlags
from harness.types import Ipa

pytestmark = [pytest.mark.realm, pytest.mark.requires("realms")]

HEAP = Ipa(1 << 30)
STOP = Ipa(HEAP + 0x800)
DEVICE = Ipa(1 << 39)
AWAY = Ipa(DEVICE + (1 << 30))
"""Where the table of DEVICE is half of the time."""

NGNRNE = 0
TABLE = 0b11
ENTRY_BYTES = 8
LEAST, MOST = 200, 20_000
"""Accesses. The table is away in many walks: in those of the access, and of the RMM after it."""


def flip(entry: int, good: int) -> bytes:
    """Code that moves the table of DEVICE to AWAY and back, until STOP says so."""
    ask = a64.load(0, 1, width_bytes=8)
    away = (a64.store(4, 2, width_bytes=8), ask, ask)
    back = (a64.store(3, 2, width_bytes=8), ask)
    loop = (*away, *back)
    return a64.image(
        *a64.mov(1, STOP),
        *a64.mov(2, entry),
        *a64.mov(3, good),
        *a64.mov(4, AWAY | TABLE),
        *loop,
        a64.branch_if_zero(0, -a64.WORD_BYTES * len(loop)),
        a64.RET,
    )


@pytest.fixture
def flipping(make_guest: MakeGuest, second_pe: int) -> GuestRealm:
    """A realm with Device memory at DEVICE; REC 1 is ready to flip its table, on another PE."""
    guest = make_guest(activate=False, recs=2)
    symbols = guest.image.elf
    assert symbols is not None
    entry = symbols.symbol("level0_table").address + ENTRY_BYTES * (DEVICE >> 39)
    good = symbols.symbol("movable_tables").address | TABLE
    guest.realm.map_data(HEAP, flip(entry, good))
    guest.realm.share_page(DEVICE, mem_attr=NGNRNE)
    guest.start()
    guest.power_on(1)
    guest.guests[1].pe = second_pe
    assert guest.guest.read(DEVICE).ok
    return guest


def access(reader: Guest) -> Ipa | None:
    """An unaligned access to Device memory: where the exit says that it faulted, if there is one.

    In the end the realm has an abort, of the RMM or of the host.
    """
    seen = reader.submit("READ", DEVICE + 1, 8)
    if not isinstance(seen, DataAbort):
        assert reader.finish(seen).exceptions == 1
        return None
    assert not seen.emulatable
    assert reader.finish(reader.resume(Reentry(EnterFlags.INJECT_SEA))).is_external_abort
    return Ipa(seen.number("hpfar") << 8)


def met(flipping: GuestRealm, wanted: set[Ipa | None]) -> set[Ipa | None]:
    """What accesses of REC 0 meet while REC 1 flips; they go on until all that is wanted was."""
    reader, flipper = flipping.guests
    running = flipper.start("FETCH", HEAP)
    where = {access(reader) for _ in range(LEAST)}
    for _ in range(LEAST, MOST):
        if where >= wanted:  # else the flipper had no core meanwhile
            break
        where.add(access(reader))
    assert reader.run("WRITE", STOP, 8, 1).ok
    assert flipper.finish(flipper.collect(running)).ok
    return where


def test_walk_that_fails_for_the_ipa_of_a_fault_is_tried_again(flipping: GuestRealm) -> None:
    """An alignment fault names no IPA, so the RMM walks: the table may be where nothing is.

    The realm's next try shows that to the host (ARM DDI 0487, HPFAR_EL2).
    """
    wanted: set[Ipa | None] = {DEVICE, AWAY}
    assert met(flipping, wanted) == wanted


def test_walk_that_aborts_for_the_ipa_of_a_fault_is_tried_again(flipping: GuestRealm) -> None:
    """The same where the host maps what is no memory: the walk itself takes an abort.

    The realm's next try does, too (ARM DDI 0487, AT).
    """
    flipping.realm.tables.map_unprotected(AWAY, SPECIAL["beyond_dram"])
    wanted = {DEVICE, None}
    assert met(flipping, wanted) == wanted
