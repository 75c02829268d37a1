# SPDX-License-Identifier: BSD-3-Clause
"""Memory accesses of a realm and the aborts that they cause (exits.md 2 and 3)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from harness.abi import Value, tables
from harness.model.outcome import Continues, Exits, Outcome, RealmException, exits
from harness.model.platform import Pas
from harness.model.realm_side.activity import Access, Kind
from harness.model.rtt import LAST_LEVEL, Entry, Hipas, Ripas, Walk, entry_bytes
from harness.model.state import Abort, GranuleState, Realm, Rec, State
from harness.types import GRANULE_BYTES

EC_UNKNOWN = 0x00
EC_IABT_LOWER, EC_IABT_SAME = 0x20, 0x21
EC_DABT_LOWER, EC_DABT_SAME = 0x24, 0x25
EC_SHIFT = 26
ESR_IL = 1 << 25
_ISV, _SAS_SHIFT, _SF, _WNR = 1 << 24, 22, 1 << 15, 1 << 6
_TRANSLATION, _PERMISSION, _TRANSLATION_MINUS_1 = 0b000100, 0b001100, 0b101011
ALIGNMENT, GRANULE_PROTECTION = 0x21, 0x28
_FSC_SEA = 0x10
_FSC_ADDRESS_SIZE = frozenset(range(4))
_S2AP_READ, _S2AP_WRITE = 1 << 6, 1 << 7
_MEM_ATTR = tables().bitfield("UnprotectedDesc").bits("MemAttr")
_DEVICE = range(0b100)
_PAGE_OFFSET = GRANULE_BYTES - 1


def hpfar(ipa: int) -> int:
    """HPFAR_EL2 for a fault at an IPA: the IPA's page number from bit 4 on."""
    return (ipa >> 12) << 4


def translation_fault(level: int) -> int:
    """Fault status of a translation fault."""
    return _TRANSLATION | level if level >= 0 else _TRANSLATION_MINUS_1


def access(state: State, rec: Rec, act: Access) -> tuple[Outcome, State]:
    """Perform an access; one that crosses a page faults at the first page that faults."""
    realm = state.realms[rec.rd]
    last = act.ipa + act.width_bytes - 1
    for ipa in dict.fromkeys((act.ipa, max(act.ipa, last & ~_PAGE_OFFSET))):
        outcome = _meet(state, realm, act, ipa)
        if isinstance(outcome, Exits):
            return outcome, state.with_rec(replace(rec, abort=_remembered(realm, act, outcome)))
        if outcome is not None:
            return outcome, state
    return Continues(), state


def _meet(state: State, realm: Realm, act: Access, ipa: int) -> Outcome | None:
    """What the page at ``ipa`` makes of the access; None when it lets it pass."""
    if ipa >= realm.ipa_top:
        return Continues(exception=sea(act, ipa, _FSC_ADDRESS_SIZE))
    walk = realm.walk(ipa, LAST_LEVEL)
    if realm.is_protected(ipa):
        return _meet_protected(walk, act, ipa)
    if act.kind is Kind.FETCH:
        return Continues(exception=sea(act, ipa))
    return _meet_unprotected(state, walk, act, ipa)


def sea(act: Access, ipa: int, also: frozenset[int] = frozenset()) -> RealmException:
    """The synchronous external abort that the realm takes, or one of the other faults."""
    ec = EC_IABT_SAME if act.kind is Kind.FETCH else EC_DABT_SAME
    return RealmException(ec, also | {_FSC_SEA}, ipa)


def _meet_protected(walk: Walk, act: Access, ipa: int) -> Outcome | None:
    entry = walk.entry
    if entry.ripas is Ripas.EMPTY:
        return Continues(exception=sea(act, ipa))
    if entry.hipas is Hipas.ASSIGNED and entry.ripas is Ripas.RAM:
        return None
    ec = EC_IABT_LOWER if act.kind is Kind.FETCH else EC_DABT_LOWER
    esr = ec << EC_SHIFT | translation_fault(walk.level)
    return exits("SYNC", esr=esr, hpfar=hpfar(ipa))


def _meet_unprotected(state: State, walk: Walk, act: Access, ipa: int) -> Outcome | None:
    """In the order in which the architecture looks: type of memory, rights, granule.

    What an access does that crosses into another type is not specified: here the first counts.
    """
    entry = walk.entry
    if entry.hipas is Hipas.UNASSIGNED_NS:
        if act.has_syndrome:
            return _emulatable(translation_fault(walk.level), act, ipa)
        return _not_emulatable(translation_fault(walk.level), ipa)
    if _is_device(entry) and ipa == act.ipa and not act.is_for_device:
        return _mapping_fault(ALIGNMENT, act, ipa)
    allowed = _S2AP_WRITE if act.kind is Kind.WRITE else _S2AP_READ
    if not entry.attributes & allowed:
        return _mapping_fault(_PERMISSION | walk.level, act, ipa)
    if _is_non_secure(state, output_address(walk, ipa)):
        return None
    return _mapping_fault(GRANULE_PROTECTION, act, ipa)


def _is_device(entry: Entry) -> bool:
    return _MEM_ATTR.get(entry.attributes) in _DEVICE


def output_address(walk: Walk, ipa: int) -> int:
    """The PA to which the page or block at the end of a walk leads."""
    return walk.entry.pa | ipa & (entry_bytes(walk.level) - 1)


def _is_non_secure(state: State, pa: int) -> bool:
    """The host may map any PA, or delegate it later. Where nothing is known it is the host's."""
    if state.granule(pa & ~_PAGE_OFFSET).state is not GranuleState.UNDELEGATED:
        return False
    region = state.platform.layout.region(pa)
    return region is None or region.pas is Pas.NS


def _mapping_fault(fault_status: int, act: Access, ipa: int) -> Exits:
    """Not emulatable; TF-RMM 1.0-rel0 makes it emulatable where there is a syndrome."""
    seen = _not_emulatable(fault_status, ipa)
    if not act.has_syndrome:
        return seen
    return replace(seen, other=_emulatable(fault_status, act, ipa))


def _not_emulatable(fault_status: int, ipa: int) -> Exits:
    """Whether IL and the low bits of FAR are shown depends on the RMM's version."""
    return exits(
        "SYNC",
        esr=EC_DABT_LOWER << EC_SHIFT | fault_status,
        hpfar=hpfar(ipa),
        unspecified={"esr": ESR_IL, "far": _PAGE_OFFSET},
    )


def _emulatable(fault_status: int, act: Access, ipa: int) -> Exits:
    is_write = act.kind is Kind.WRITE
    esr = EC_DABT_LOWER << EC_SHIFT | _ISV | fault_status
    esr |= (act.width_bytes.bit_length() - 1) << _SAS_SHIFT
    esr |= (_SF if act.register_bits == 64 else 0) | (_WNR if is_write else 0)
    unspecified = {"esr": ESR_IL}
    if ipa != act.ipa:
        unspecified["far"] = _PAGE_OFFSET
    return exits(
        "SYNC",
        esr=esr,
        far=ipa & _PAGE_OFFSET,
        hpfar=hpfar(ipa),
        gprs=(act.value & _mask(act.width_bytes),) if is_write else (),
        unspecified=unspecified,
    )


def _remembered(realm: Realm, act: Access, exit_seen: Exits) -> Abort | None:
    """What the next entry may do about this abort: nothing in the protected half."""
    if realm.is_protected((exit_seen.fields["hpfar"] >> 4) << 12):
        return None
    return Abort(
        is_emulatable=bool(exit_seen.fields["esr"] & _ISV),
        is_read=act.kind is Kind.READ,
        width_bytes=act.width_bytes,
        sign_extend=act.sign_extend,
        register_bits=act.register_bits,
    )


def emulated_read(abort: Abort, word: int) -> int:
    """The register after a read that the host answered with ``word``."""
    value = word & _mask(abort.width_bytes)
    sign = 1 << (8 * abort.width_bytes - 1)
    if abort.sign_extend and value & sign:
        value -= sign << 1
    return value & ((1 << abort.register_bits) - 1)


def as_seen(state: State, rec: int, exit_seen: Exits, record: Mapping[str, Value]) -> State:
    """The state after an exit that may be one of two: ``record`` shows which it was."""
    other, abort = exit_seen.other, state.recs[rec].abort
    if other is None or abort is None or other.mismatches(record):
        return state
    return state.with_rec(replace(state.recs[rec], abort=replace(abort, is_emulatable=True)))


def _mask(width_bytes: int) -> int:
    return (1 << 8 * width_bytes) - 1
