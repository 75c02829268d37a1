# SPDX-License-Identifier: BSD-3-Clause
"""Conditions of RMI_REC_ENTER, the GIC registers of the run page among them."""

from __future__ import annotations

from collections.abc import Mapping

from harness.abi import tables
from harness.model.conditions import common
from harness.model.conditions.common import Conditions, Predicate
from harness.model.conditions.rec import is_running
from harness.model.params import EnterArea
from harness.model.platform import Platform
from harness.model.state import GranuleState, RealmState, Rec
from harness.model.view import View

_HCR_MASK = tables().bitfield("ICH_HCR_EL2_permitted").mask or 0
_LR_STATE_SHIFT = 62
_LR_HW = 1 << 61
_LR_EOI = 1 << 41
_LR_PINTID = 0x1FFF << 32
_LR_RES0 = 0x7 << 56 | 1 << 59 | 0x7 << 45
_LR_PRIORITY_SHIFT, _LR_PRIORITY_BITS = 48, 8
_VINTID_MASK = 0xFFFF_FFFF
_PLAIN_INTIDS = range(1020)
_EXTENDED_INTIDS = (range(1056, 1120), range(4096, 5120))
_FIRST_LPI = 8192


def list_register_is_valid(word: int, platform: Platform) -> bool:
    """One used list register obeys the rules of the tables (gicv3_list_register)."""
    unused_priority = (1 << (_LR_PRIORITY_BITS - platform.lr_priority_bits)) - 1
    forbidden = _LR_HW | (_LR_PINTID & ~_LR_EOI) | _LR_RES0
    forbidden |= unused_priority << _LR_PRIORITY_SHIFT
    vintid = word & _VINTID_MASK
    known = vintid in _PLAIN_INTIDS or vintid >= _FIRST_LPI
    if platform.lr_extended_intids:
        known = known or any(vintid in extended for extended in _EXTENDED_INTIDS)
    return known and not word & forbidden


def gic_is_valid(enter: EnterArea, platform: Platform) -> bool:
    """The host's GIC registers are such that a REC can be entered with them."""
    used = [lr for lr in enter.lrs[: platform.list_registers] if lr >> _LR_STATE_SHIFT]
    if len({lr & _VINTID_MASK for lr in used}) < len(used) or enter.gicv3_hcr & ~_HCR_MASK:
        return False
    return all(list_register_is_valid(lr, platform) for lr in used)


def _realm_is(state: RealmState) -> Predicate:
    def predicate(view: View) -> bool | None:
        rec = view.rec()
        return None if rec is None else view.state.realms[rec.rd].state is state

    return predicate


def _not_runnable(view: View) -> bool | None:
    rec = view.rec()
    return None if rec is None else not rec.is_runnable


def _psci_pending(view: View) -> bool | None:
    rec = view.rec()
    return None if rec is None else rec.psci is not None


def _gic(view: View) -> bool | None:
    return None if view.enter is None else not gic_is_valid(view.enter, view.state.platform)


def _both(view: View) -> tuple[Rec, EnterArea] | None:
    rec, enter = view.rec(), view.enter
    return None if rec is None or enter is None else (rec, enter)


def _no_sea(view: View) -> bool | None:
    found = _both(view)
    return None if found is None else found[1].has("INJECT_SEA") and found[0].abort is None


def _no_mmio(view: View) -> bool | None:
    found = _both(view)
    if found is None:
        return None
    rec, enter = found
    return enter.has("EMUL_MMIO") and (rec.abort is None or not rec.abort.is_emulatable)


CONDITIONS: Mapping[str, Conditions] = {
    "RMI_REC_ENTER": {
        **common.ns_page("run", "run_ptr"),
        **common.granule("rec", "rec", GranuleState.REC, last="gran_state"),
        "rec_state": is_running("rec"),
        "realm_new": _realm_is(RealmState.NEW),
        "system_off": _realm_is(RealmState.SYSTEM_OFF),
        "rec_runnable": _not_runnable,
        "rec_psci": _psci_pending,
        "rec_gicv3": _gic,
        "rec_sea": _no_sea,
        "rec_mmio": _no_mmio,
    },
}
