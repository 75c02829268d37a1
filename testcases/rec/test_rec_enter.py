# SPDX-License-Identifier: BSD-3-Clause
"""RMI_REC_ENTER: what keeps a REC from being entered."""

from __future__ import annotations

import pytest

from harness.abi import tables
from harness.realm import Realm, Zoo
from harness.realm.state import add_switch_off, advance, running
from harness.realm.zoo import SPECIAL, kinds_but, refusal
from harness.rmi import EnterFlags, Fails, Succeeds

pytestmark = [pytest.mark.rmi, pytest.mark.requires("realms")]

HCR_PERMITTED = tables().bitfield("ICH_HCR_EL2_permitted").mask or 0
HCR_RESERVED = [bit for bit in range(64) if not HCR_PERMITTED >> bit & 1]
OFF_REALM = ["NEW", "SYSTEM_OFF"]
BAD_RUN = [
    pytest.param("device", "run_bound", id="device"),
    pytest.param("rmm", "run_pas", id="realm-pas"),
]


@pytest.fixture
def active(realm: Realm) -> Realm:
    """An ACTIVE realm with one runnable REC that was never entered."""
    realm.add_rec()
    realm.activate()
    return realm


@pytest.mark.parametrize("kind", kinds_but("rec"))
def test_rec_must_be_a_rec(active: Realm, zoo: Zoo, kind: str) -> None:
    """RMI_REC_ENTER, rec_align, rec_bound, rec_gran_state (RECE-06..14)."""
    rec = zoo.instead_of("rec", kind)
    result = active.rmi.rec_enter(rec, active.recs[0].run)
    assert result == Fails(refusal("rec", kind, state="gran_state"))


@pytest.mark.parametrize("kind", kinds_but("undelegated"))
def test_run_page_must_lie_in_the_normal_world(active: Realm, zoo: Zoo, kind: str) -> None:
    """RMI_REC_ENTER, run_align, run_bound, run_pas (RECE-01..05)."""
    run = zoo.instead_of("undelegated", kind)
    result = active.rmi.rec_enter(active.recs[0].pa, run)
    assert result == Fails(refusal("run", kind, state="pas"))


def test_a_new_realm_is_not_entered(realm: Realm) -> None:
    """RMI_REC_ENTER, realm_new: RMI_ERROR_REALM with index 0 (RECE-15)."""
    assert realm.add_rec().try_enter() == Fails("realm_new")


def test_a_realm_that_is_off_is_not_entered(realm: Realm) -> None:
    """RMI_REC_ENTER, system_off: RMI_ERROR_REALM with index 1 (RECE-18)."""
    advance(realm, "SYSTEM_OFF")
    assert realm.recs[0].try_enter() == Fails("system_off")


def test_a_rec_that_is_not_runnable_is_not_entered(realm: Realm) -> None:
    """RMI_REC_ENTER, rec_runnable: created without RUNNABLE (RECE-19, REC-04)."""
    rec = realm.add_rec(runnable=False)
    realm.activate()
    assert rec.try_enter() == Fails("rec_runnable")


def test_realm_new_comes_before_rec_runnable(realm: Realm) -> None:
    """RMI_REC_ENTER, order: the realm's state is looked at before the REC's flag."""
    assert realm.add_rec(runnable=False).try_enter() == Fails("realm_new")


def test_system_off_comes_before_rec_runnable(realm: Realm) -> None:
    """RMI_REC_ENTER, order: the same for a realm that is off."""
    sleeper = realm.add_rec(runnable=False)
    advance(realm, "SYSTEM_OFF")
    assert sleeper.try_enter() == Fails("system_off")


@pytest.mark.parametrize("bit", HCR_RESERVED)
def test_gicv3_hcr_has_reserved_bits(active: Realm, bit: int) -> None:
    """RMI_REC_ENTER, rec_gicv3: each bit outside the permitted set (RECE-20)."""
    assert active.recs[0].try_enter(gicv3_hcr=1 << bit) == Fails("rec_gicv3")


def test_rec_gicv3_comes_after_realm_new(realm: Realm) -> None:
    """RMI_REC_ENTER, order: realm_new before rec_gicv3 and rec_mmio."""
    rec = realm.add_rec()
    assert rec.try_enter(gicv3_hcr=1) == Fails("realm_new")
    assert rec.try_enter(flags=EnterFlags.EMUL_MMIO) == Fails("realm_new")


@pytest.mark.parametrize("kind", ["misaligned", "device", "undelegated"])
def test_rec_argument_comes_before_rec_gicv3(active: Realm, zoo: Zoo, kind: str) -> None:
    """RMI_REC_ENTER, order: a bad REC is reported before bad GIC state (RECE-21..23)."""
    rec = active.recs[0]
    rec.prepare(gicv3_hcr=1)
    result = active.rmi.rec_enter(zoo.instead_of("rec", kind), rec.run)
    assert result == Fails(refusal("rec", kind, state="gran_state"))


@pytest.mark.parametrize(("run", "condition"), BAD_RUN)
@pytest.mark.parametrize("state", OFF_REALM)
def test_run_page_comes_before_the_realm_state(
    realm: Realm, state: str, run: str, condition: str
) -> None:
    """RMI_REC_ENTER, order: a bad run page before realm_new, system_off (RECE-25..29)."""
    rec = realm.add_rec()
    advance(realm, state)
    assert realm.rmi.rec_enter(rec.pa, SPECIAL[run]) == Fails(condition)


@pytest.mark.parametrize(("run", "condition"), BAD_RUN)
def test_run_page_comes_before_rec_runnable(realm: Realm, run: str, condition: str) -> None:
    """RMI_REC_ENTER, order: a bad run page before rec_runnable (RECE-24, RECE-27)."""
    rec = realm.add_rec(runnable=False)
    realm.activate()
    assert realm.rmi.rec_enter(rec.pa, SPECIAL[run]) == Fails(condition)


def test_mmio_emulation_needs_an_emulatable_abort(active: Realm) -> None:
    """RMI_REC_ENTER, rec_mmio: EMUL_MMIO at the first entry (RECE-16)."""
    assert active.recs[0].try_enter(flags=EnterFlags.EMUL_MMIO) == Fails("rec_mmio")


def test_sea_injection_needs_an_abort(active: Realm) -> None:
    """RMI_REC_ENTER, rec_sea: INJECT_SEA at the first entry."""
    assert active.recs[0].try_enter(flags=EnterFlags.INJECT_SEA) == Fails("rec_sea")


def test_a_refused_entry_leaves_the_exit_record_alone(active: Realm) -> None:
    """RMI_REC_ENTER on failure: the exit area of the run page is not written."""
    rec = active.recs[0]
    rec.prepare(flags=EnterFlags.EMUL_MMIO)
    page = active.world.read(rec.run, 4096)
    assert active.rmi.rec_enter(rec.pa, rec.run) == Fails("rec_mmio")
    assert active.world.read(rec.run, 4096) == page


def test_a_destroyed_rec_is_not_entered(active: Realm) -> None:
    """RMI_REC_ENTER, rec_gran_state: the granule is the host's again."""
    rec = active.recs.pop()
    rec.destroy()
    assert rec.try_enter() == Fails("rec_gran_state")


def test_a_running_rec_cannot_be_entered_again(realm: Realm, second_pe: int) -> None:
    """RMI_REC_ENTER, rec_state: one PE at a time (REC-05)."""
    with running(realm, pe=second_pe) as rec:
        run = realm.world.page()
        assert realm.rmi.rec_enter(rec.pa, run) == Fails("rec_state")


def test_a_refused_entry_does_not_spend_the_rec(realm: Realm) -> None:
    """RMI_REC_ENTER, success after failures: the realm runs to its PSCI call (RECE-30)."""
    rec = add_switch_off(realm)
    realm.activate()
    assert rec.try_enter(gicv3_hcr=1) == Fails("rec_gicv3")
    assert rec.try_enter(flags=EnterFlags.EMUL_MMIO) == Fails("rec_mmio")
    assert rec.try_enter() == Succeeds()
