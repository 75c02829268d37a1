# SPDX-License-Identifier: BSD-3-Clause
"""RSI calls: conditions in the tables' order, results, and the exits that some cause."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from harness.abi import codec, tables
from harness.model import measure
from harness.model.outcome import Continues, Exits, Outcome, exits
from harness.model.params import number, words
from harness.model.realm_side.access import EC_DABT_LOWER, EC_SHIFT, hpfar, translation_fault
from harness.model.realm_side.activity import Smc
from harness.model.realm_side.rsi_conditions import RsiView, failing
from harness.model.rtt import ENTRIES, LAST_LEVEL, Hipas, Ripas, entry_bytes
from harness.model.state import Realm, Rec, RipasWindow, State, Token
from harness.model.verdict import Answer, Registers, Verdict

_T = tables()
RSI_ABI_VERSION = _T.constants["RSI_ABI_VERSION"]
_CHANGE_DESTROYED = _T.bitfield("RsiRipasChangeFlags").bits("CHANGE_DESTROYED").mask
_RESPONSE = _T.enum("RsiResponse")


def status(name: str) -> int:
    """An RSI status by its name."""
    return _T.statuses[name]


_SUCCESS = status("RSI_SUCCESS")


@dataclass(frozen=True, slots=True)
class _Done:
    """A successful call: x1.., the REC and realm afterwards, memory written, or an exit."""

    rec: Rec
    outputs: Registers = ()
    realm: Realm | None = None
    written: tuple[int, bytes] | None = None
    exit: Exits | None = None
    also: tuple[Answer, ...] = ()


def rsi(state: State, rec: Rec, act: Smc) -> tuple[Outcome, State]:
    """Perform an RSI call of the tables."""
    view = RsiView(state, rec, act)
    answers = tuple(
        Answer((status(c.status), *_failure_outputs(view.name)), c.id) for c in failing(view)
    )
    if answers:
        return Continues(Verdict(view.name, view.shown, answers)), state
    if view.name in _USES_PAGE and view.page_is_missing:
        return page_fault(view.realm, view.arg("addr")), state
    done = _APPLY[view.name](view)
    after = state.with_rec(done.rec)
    after = after if done.realm is None else after.with_realm(done.realm)
    if done.exit is not None:
        return done.exit, after
    success = Answer((_SUCCESS, *done.outputs))
    verdict = Verdict(view.name, view.shown, (success, *done.also))
    return Continues(verdict, written=done.written), after


def page_fault(realm: Realm, ipa: int) -> Exits:
    """The exit for a page of a call that is not mapped: as if the RMM's access had aborted."""
    level = realm.walk(ipa, LAST_LEVEL).level
    page = ipa & ~0xFFF
    esr = EC_DABT_LOWER << EC_SHIFT | translation_fault(level)
    return exits("SYNC", esr=esr, hpfar=hpfar(page))


def _failure_outputs(name: str) -> Registers:
    return (RSI_ABI_VERSION, RSI_ABI_VERSION) if name == "RSI_VERSION" else ()


def _version(view: RsiView) -> _Done:
    return _Done(view.rec, (RSI_ABI_VERSION, RSI_ABI_VERSION))


def _features(view: RsiView) -> _Done:
    return _Done(view.rec, (0,))


def _measurement_read(view: RsiView) -> _Done:
    slots = (view.realm.rim, *view.realm.rems)
    return _Done(view.rec, struct.unpack("<8Q", slots[view.arg("index")]))


def _measurement_extend(view: RsiView) -> _Done:
    realm, index = view.realm, view.arg("index") - 1
    value = struct.pack("<8Q", *(view.act.arg(n) for n in range(3, 11)))[: view.arg("size")]
    rems = list(realm.rems)
    rems[index] = measure.extended_rem(realm.hash_algo, rems[index], value)
    return _Done(view.rec, realm=replace(realm, rems=tuple(rems)))


def _token_init(view: RsiView) -> _Done:
    return _Done(replace(view.rec, token=Token.STARTED), (None,))


def _token_continue(view: RsiView) -> _Done:
    """How long a token is belongs to the RMM: the call may complete it or not."""
    more = [Answer((status("RSI_INCOMPLETE"), None), "more")]
    more.append(Answer((status("RSI_ERROR_UNKNOWN"), None), "unknown"))
    if view.rec.token is Token.MAYBE_COMPLETE:
        more.append(Answer((status("RSI_ERROR_STATE"), None), "state"))
    rec = replace(view.rec, token=Token.MAYBE_COMPLETE)
    return _Done(rec, (None,), also=tuple(more))


def _realm_config(view: RsiView) -> _Done:
    realm = view.realm
    page = codec("RsiRealmConfig").encode(
        ipa_width=realm.ipa_width, hash_algo=realm.hash_algo, rpv=realm.rpv
    )
    return _Done(view.rec, written=(view.arg("addr"), page))


def _ipa_state_set(view: RsiView) -> _Done:
    base, top, ripas = view.arg("base"), view.arg("top"), Ripas(view.arg("ripas"))
    change_destroyed = bool(view.arg("flags") & _CHANGE_DESTROYED)
    window = RipasWindow(base, top, ripas, change_destroyed)
    seen = exits("RIPAS_CHANGE", ripas_base=base, ripas_top=top, ripas_value=ripas)
    return _Done(replace(view.rec, ripas=window), exit=seen)


def _ipa_state_get(view: RsiView) -> _Done:
    base, top = view.arg("base"), view.arg("top")
    walk = view.realm.walk(base, LAST_LEVEL)
    ripas = walk.entry.ripas
    last = min(ENTRIES - 1, (top - 1 - walk.table.base) // entry_bytes(walk.level))
    for index in range(walk.index + 1, last + 1):
        entry = walk.table.entry(index)
        if entry.hipas is Hipas.TABLE or entry.ripas is not ripas:
            return _Done(view.rec, (walk.table.ipa(index), ripas))
    return _Done(view.rec, (min(top, walk.table.ipa(ENTRIES)), ripas))


def _host_call(view: RsiView) -> _Done:
    page = view.act.page.ljust(_T.struct("RsiHostCall").size, b"\0")
    seen = exits(
        "HOST_CALL", imm=number("RsiHostCall", "imm", page), gprs=words("RsiHostCall", "gprs", page)
    )
    return _Done(replace(view.rec, host_call=view.arg("addr")), exit=seen)


def resumed_ripas(window: RipasWindow, *, rejected: bool) -> Registers:
    """x0.. of RSI_IPA_STATE_SET after the host's work."""
    refused = rejected and window.ripas is Ripas.RAM and window.addr != window.top
    return (_SUCCESS, window.addr, _RESPONSE["REJECT" if refused else "ACCEPT"])


_USES_PAGE = frozenset({"RSI_ATTESTATION_TOKEN_CONTINUE", "RSI_REALM_CONFIG", "RSI_HOST_CALL"})
_APPLY: Mapping[str, Callable[[RsiView], _Done]] = {
    "RSI_VERSION": _version,
    "RSI_FEATURES": _features,
    "RSI_MEASUREMENT_READ": _measurement_read,
    "RSI_MEASUREMENT_EXTEND": _measurement_extend,
    "RSI_ATTESTATION_TOKEN_INIT": _token_init,
    "RSI_ATTESTATION_TOKEN_CONTINUE": _token_continue,
    "RSI_REALM_CONFIG": _realm_config,
    "RSI_IPA_STATE_SET": _ipa_state_set,
    "RSI_IPA_STATE_GET": _ipa_state_get,
    "RSI_HOST_CALL": _host_call,
}
