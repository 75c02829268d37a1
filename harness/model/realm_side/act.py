# SPDX-License-Identifier: BSD-3-Clause
"""One step of a running realm."""

from __future__ import annotations

from dataclasses import replace

from harness.abi import tables
from harness.errors import HarnessError
from harness.model.outcome import Continues, Exits, Outcome, RealmException, exits
from harness.model.realm_side import psci
from harness.model.realm_side.access import EC_SHIFT, EC_UNKNOWN, ESR_IL, access
from harness.model.realm_side.activity import (
    Access,
    Activity,
    GicAccess,
    Hvc,
    Smc,
    Wait,
)
from harness.model.realm_side.rsi import rsi
from harness.model.state import Rec, State
from harness.model.verdict import NOT_SUPPORTED

_EC_WFX, _EC_SYSREG = 0x01, 0x18
_RT = 0x1F << 5


def act(state: State, rec_pa: int, activity: Activity) -> tuple[Outcome, State]:
    """Let the realm do something on a running REC; an exit makes the REC READY again.

    HarnessError when the REC is not running: only RMI_REC_ENTER gets it there.
    """
    rec = state.recs.get(rec_pa)
    if rec is None or rec.running is None:
        raise HarnessError(f"no REC runs at {rec_pa:#x}", hint="step an RMI_REC_ENTER first")
    outcome, state = _perform(state, rec, activity)
    if isinstance(outcome, Exits):
        state = state.with_rec(replace(state.recs[rec_pa], running=None))
    return outcome, state


def _perform(state: State, rec: Rec, activity: Activity) -> tuple[Outcome, State]:
    match activity:
        case Access():
            return access(state, rec, activity)
        case Smc():
            return _smc(state, rec, activity)
        case Hvc():
            return Continues(exception=RealmException(EC_UNKNOWN)), state
        case Wait():
            return _wait(state, rec, activity), state
        case GicAccess():
            return _gic(state, rec, activity)
    return exits("FIQ" if activity.is_fiq else "IRQ"), state


def _smc(state: State, rec: Rec, activity: Smc) -> tuple[Outcome, State]:
    command = tables().by_fid.get(activity.arg(0))
    name = command.name if command is not None else ""
    if name.startswith("RSI_"):
        return rsi(state, rec, activity)
    if name in psci.CALLS:
        return psci.CALLS[name](state, rec, activity)
    return psci.returned(f"{activity.arg(0):#x}", NOT_SUPPORTED), state


def _wait(state: State, rec: Rec, activity: Wait) -> Outcome:
    running = rec.running
    if activity.is_wfe:
        trapped = running is not None and running.trap_wfe and state.platform.traps_wfe
    else:
        trapped = running is not None and running.trap_wfi
    if not trapped:
        return Continues()
    esr = _EC_WFX << EC_SHIFT | activity.is_wfe
    return exits("SYNC", esr=esr, unspecified={"esr": ESR_IL})


def _gic(state: State, rec: Rec, activity: GicAccess) -> tuple[Outcome, State]:
    """A trapped GIC register; whether Rt is shown depends on the RMM's version."""
    seen = exits(
        "SYNC",
        esr=_EC_SYSREG << EC_SHIFT | activity.iss,
        gprs=() if activity.is_read else (activity.value,),
        unspecified={"esr": ESR_IL | _RT},
    )
    return seen, state.with_rec(replace(rec, sysreg_read=activity.is_read))
