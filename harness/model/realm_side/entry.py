# SPDX-License-Identifier: BSD-3-Clause
"""RMI_REC_ENTER that passes its conditions: how the realm resumes (exits.md 2, 5, 6, 7)."""

from __future__ import annotations

from dataclasses import replace

from harness.abi import codec, tables
from harness.model.outcome import Continues, Exits, Outcome
from harness.model.params import EnterArea
from harness.model.realm_side import psci
from harness.model.realm_side.access import emulated_read, sea
from harness.model.realm_side.activity import Access
from harness.model.realm_side.rsi import page_fault, resumed_ripas, status
from harness.model.rtt import LAST_LEVEL, Hipas, Ripas
from harness.model.state import Abort, Rec, Running, State
from harness.model.verdict import Answer, Verdict
from harness.model.view import View, sure

_HOST_CALL = tables().command("RSI_HOST_CALL").name
_IPA_STATE_SET = tables().command("RSI_IPA_STATE_SET").name


def enter(view: View) -> tuple[Outcome, State]:
    """Put the REC on the caller's PE; whatever was pending is over.

    Only a host call whose page went away keeps the REC off the PE: an exit at once.
    """
    rec, area = sure(view.rec()), sure(view.enter)
    outcome = _resume(view.state, rec, area)
    if isinstance(outcome, Exits):
        return outcome, view.state
    running = Running(view.call.pe, area.has("TRAP_WFI"), area.has("TRAP_WFE"))
    rec = replace(
        rec,
        running=running,
        psci_reply=None,
        psci_kept=(),
        host_call=None,
        ripas=None,
        abort=None,
        sysreg_read=False,
    )
    return outcome, view.state.with_rec(rec)


def _resume(state: State, rec: Rec, area: EnterArea) -> Outcome:
    if rec.abort is not None:
        return _after_abort(rec.abort, area)
    if rec.host_call is not None:
        return _after_host_call(state, rec, rec.host_call, area)
    if rec.ripas is not None:
        x = resumed_ripas(rec.ripas, rejected=area.has("RIPAS_RESPONSE"))
        return Continues(Verdict(_IPA_STATE_SET, _IPA_STATE_SET, (Answer(x),)))
    if rec.psci_reply is not None:
        return psci.resumed(rec.psci_reply, rec.psci_kept)
    return Continues(value=area.gprs[0] if rec.sysreg_read else None)


def _after_abort(abort: Abort, area: EnterArea) -> Continues:
    """INJECT_SEA is handled first, as TF-RMM does."""
    if area.has("INJECT_SEA"):
        return Continues(exception=sea(Access(0), 0))
    if not area.has("EMUL_MMIO"):
        return Continues(retried=True)
    return Continues(value=emulated_read(abort, area.gprs[0]) if abort.is_read else None)


def _after_host_call(state: State, rec: Rec, ipa: int, area: EnterArea) -> Outcome:
    realm = state.realms[rec.rd]
    entry = realm.walk(ipa, LAST_LEVEL).entry
    if entry.ripas is Ripas.EMPTY:
        return _host_call_result("RSI_ERROR_INPUT")
    if entry.hipas is not Hipas.ASSIGNED or entry.ripas is not Ripas.RAM:
        return page_fault(realm, ipa)
    layout = codec("RsiHostCall")
    gprs = b"".join(word.to_bytes(8, "little") for word in area.gprs)
    return _host_call_result("RSI_SUCCESS", (ipa + layout.offset("gprs"), gprs))


def _host_call_result(name: str, written: tuple[int, bytes] | None = None) -> Continues:
    verdict = Verdict(_HOST_CALL, _HOST_CALL, (Answer((status(name),)),))
    return Continues(verdict, written=written)
