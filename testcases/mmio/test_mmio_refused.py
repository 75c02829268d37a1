# SPDX-License-Identifier: BSD-3-Clause
"""EMUL_MMIO and INJECT_SEA where the last exit does not allow them; aborts without syndrome."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from harness.plugin.fixtures import MakeGuest
from harness.realm import (
    DataAbort,
    Exit,
    GuestRealm,
    InstructionAbort,
    NormalWorld,
    Reentry,
    a64,
)
from harness.realm.tables import S2AP_READ_ONLY
from harness.realm.zoo import SPECIAL
from harness.rmi import EnterFlags, Fails
from harness.types import GRANULE_BYTES, Ipa, Pa

pytestmark = [pytest.mark.realm, pytest.mark.requires("realms")]

HEAP = Ipa(1 << 30)
BORDER = Ipa(1 << 39)
DEVICE = Ipa(BORDER + 0x0900_0000)
BASE = 3
PERMISSION_FAULT = 0b0011
ALIGNMENT_FAULT, GRANULE_FAULT = 0x21, 0x28
SECURE_RAM = Pa(0x0E10_0000)
DEVICE_TYPES = pytest.mark.parametrize("mem_attr", range(4), ids=["nGnRnE", "nGnRE", "nGRE", "GRE"])
"""What MemAttr says of memory that the host maps as Device."""
EMULATE, SEA = EnterFlags.EMUL_MMIO, EnterFlags.INJECT_SEA


@pytest.fixture
def with_heap(make_guest: MakeGuest) -> GuestRealm:
    """A realm with one page of RAM at HEAP, not mapped."""
    guest = make_guest(activate=False)
    guest.realm.init_ripas(HEAP, HEAP + GRANULE_BYTES)
    guest.start()
    return guest


def load_pair(guest: GuestRealm) -> Exit:
    return guest.guest.submit_insn(a64.load_pair(0, 1, BASE), [(BASE, DEVICE)])


def store_pair(guest: GuestRealm) -> Exit:
    return guest.guest.submit_insn(a64.store_pair(0, 1, BASE), [(BASE, DEVICE)])


def post_index(guest: GuestRealm) -> Exit:
    return guest.guest.submit_insn(a64.load_post_index(0, BASE, 8), [(BASE, DEVICE)])


def zero_block(guest: GuestRealm) -> Exit:
    return guest.guest.submit_insn(a64.dc_zva(BASE), [(BASE, DEVICE)])


NO_SYNDROME = pytest.mark.parametrize(
    "act",
    [load_pair, store_pair, post_index, zero_block],
    ids=["ldp", "stp", "post-index", "dc-zva"],
)
Act = Callable[[GuestRealm], Exit]


@NO_SYNDROME
def test_access_without_syndrome_is_not_emulatable(guest: GuestRealm, act: Act) -> None:
    """ISV = 0: the host learns only that and where it faulted (MMIO-07)."""
    seen = act(guest)
    assert isinstance(seen, DataAbort)
    assert not seen.emulatable
    assert seen.is_translation_fault
    assert seen.number("hpfar") << 8 == DEVICE
    assert not any(seen.gprs)


@NO_SYNDROME
def test_access_without_syndrome_cannot_be_emulated(guest: GuestRealm, act: Act) -> None:
    """EMUL_MMIO after an exit with ISV = 0 is refused (MMIO-06)."""
    act(guest)
    assert guest.rec.try_enter(flags=EMULATE) == Fails("rec_mmio")


@NO_SYNDROME
def test_access_without_syndrome_can_be_aborted(guest: GuestRealm, act: Act) -> None:
    """INJECT_SEA is legal after any data abort at an unprotected IPA."""
    act(guest)
    report = guest.guest.finish(guest.guest.resume(Reentry(SEA)))
    assert report.is_external_abort
    assert report.values[3] == 0


@pytest.mark.parametrize(
    ("flag", "condition"), [(EMULATE, "rec_mmio"), (SEA, "rec_sea")], ids=["emulate", "sea"]
)
class TestIllegalFlag:
    """RMI_REC_ENTER answers RMI_ERROR_REC and the realm does not run."""

    def test_after_a_host_call(self, guest: GuestRealm, flag: EnterFlags, condition: str) -> None:
        """The exit before was no data abort at all (MMIO-06)."""
        assert guest.rec.try_enter(flags=flag) == Fails(condition)
        assert guest.guest.hello().ok

    def test_before_the_first_entry(
        self, make_guest: MakeGuest, flag: EnterFlags, condition: str
    ) -> None:
        """There was no exit before."""
        guest = make_guest(activate=False)
        guest.realm.activate()
        assert guest.rec.try_enter(flags=flag) == Fails(condition)

    def test_after_an_abort_in_protected_memory(
        self, with_heap: GuestRealm, flag: EnterFlags, condition: str
    ) -> None:
        """Protected RAM that is not mapped can only be mapped (MMIO-09)."""
        seen = with_heap.guest.submit("READ", HEAP, 8)
        assert isinstance(seen, DataAbort)
        assert not seen.emulatable
        assert with_heap.rec.try_enter(flags=flag) == Fails(condition)

    def test_after_an_instruction_abort(
        self, with_heap: GuestRealm, flag: EnterFlags, condition: str
    ) -> None:
        """A fetch is no data abort."""
        assert isinstance(with_heap.guest.submit("FETCH", HEAP), InstructionAbort)
        assert with_heap.rec.try_enter(flags=flag) == Fails(condition)

    def test_after_the_access_was_emulated(
        self, guest: GuestRealm, flag: EnterFlags, condition: str
    ) -> None:
        """An emulatable abort is consumed by the next entry."""
        guest.guest.submit("READ", DEVICE, 8)
        guest.guest.finish(guest.guest.resume(Reentry(EMULATE)))
        assert guest.rec.try_enter(flags=flag) == Fails(condition)


def test_refused_entry_keeps_the_abort(guest: GuestRealm) -> None:
    """An entry refused for another reason does not consume the emulatable abort."""
    guest.guest.submit("READ", DEVICE, 8)
    assert guest.rec.try_enter(flags=EMULATE, gicv3_hcr=1) == Fails("rec_gicv3")
    report = guest.guest.finish(guest.guest.resume(Reentry(EMULATE, (0xCCA,))))
    assert report.value == 0xCCA


def test_write_to_a_read_only_page_is_not_emulatable(guest: GuestRealm) -> None:
    """A stage 2 permission fault cannot be emulated, as the ACS words it (MMIO-08)."""
    guest.realm.share_page(DEVICE, s2ap=S2AP_READ_ONLY)
    seen = guest.guest.submit("WRITE", DEVICE, 8, 1)
    assert isinstance(seen, DataAbort)
    assert seen.fault_status >> 2 == PERMISSION_FAULT
    assert not seen.emulatable
    assert guest.rec.try_enter(flags=EMULATE) == Fails("rec_mmio")


def refused_by_mapping(guest: GuestRealm, seen: Exit, fault_status: int) -> None:
    """The exit names a fault of the mapping at DEVICE; the host cannot emulate, but abort it."""
    assert isinstance(seen, DataAbort)
    assert seen.fault_status == fault_status
    assert not seen.emulatable
    assert seen.number("hpfar") << 8 == DEVICE
    assert not any(seen.gprs)
    assert guest.rec.try_enter(flags=EMULATE) == Fails("rec_mmio")
    assert guest.guest.finish(guest.guest.resume(Reentry(SEA))).is_external_abort


@DEVICE_TYPES
def test_unaligned_access_to_device_memory_exits(guest: GuestRealm, mem_attr: int) -> None:
    """The host maps a page as Device: the realm may only use it aligned; else an exit."""
    guest.realm.share_page(DEVICE, mem_attr=mem_attr)
    assert guest.guest.read(DEVICE).ok
    seen = guest.guest.submit("READ", DEVICE + 1, 8)
    refused_by_mapping(guest, seen, ALIGNMENT_FAULT)
    assert seen.number("far") == 1


@pytest.mark.parametrize("command", ["READ", "WRITE"])
def test_page_that_was_delegated_while_it_is_mapped(
    guest: GuestRealm, ns: NormalWorld, command: str
) -> None:
    """The host delegates a page that it shares: an access exits with a granule fault."""
    page = guest.realm.share_page(DEVICE)
    assert guest.guest.read(DEVICE).ok
    ns.rmi.granule_delegate(page).require()
    refused_by_mapping(guest, guest.guest.submit(command, DEVICE, 8, 1), GRANULE_FAULT)
    ns.undelegate(page)
    assert guest.guest.read(DEVICE).ok


@pytest.mark.parametrize("pa", [SECURE_RAM, SPECIAL["rmm"]], ids=["secure", "rmm"])
def test_page_that_is_not_the_host_s_to_share(guest: GuestRealm, pa: Pa) -> None:
    """RMI_RTT_MAP_UNPROTECTED takes any address; what is not Non-secure is a granule fault."""
    guest.realm.tables.map_unprotected(DEVICE, pa)
    refused_by_mapping(guest, guest.guest.submit("READ", DEVICE, 8), GRANULE_FAULT)


def test_unaligned_access_whose_protected_half_is_unmapped(with_heap: GuestRealm) -> None:
    """Across the border, the protected page missing: not emulatable (MEM-10)."""
    guest = with_heap
    guest.realm.share_page(BORDER)
    guest.realm.tables.ensure(BORDER - GRANULE_BYTES)
    ask = (BORDER - GRANULE_BYTES, BORDER)
    guest.guest.submit_smc("RSI_IPA_STATE_SET", *ask, 1, 0)
    guest.realm.tables.set_ripas(guest.rec.pa, *ask)
    guest.guest.finish_smc("RSI_IPA_STATE_SET")
    seen = guest.guest.submit("READ", BORDER - 4, 8)
    assert isinstance(seen, DataAbort)
    assert not seen.emulatable
    assert seen.number("hpfar") << 8 == BORDER - GRANULE_BYTES


def test_unaligned_access_whose_unprotected_half_is_unmapped(make_guest: MakeGuest) -> None:
    """Across the border, the unprotected page missing: the exit names that page (MEM-11)."""
    guest = make_guest(activate=False)
    guest.realm.init_ripas(BORDER - GRANULE_BYTES, BORDER)
    guest.realm.map_unknown(BORDER - GRANULE_BYTES)
    guest.start()
    seen = guest.guest.submit("READ", BORDER - 4, 8)
    assert isinstance(seen, DataAbort)
    assert seen.emulatable
    assert seen.number("hpfar") << 8 == BORDER
