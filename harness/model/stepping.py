# SPDX-License-Identifier: BSD-3-Clause
"""One RMI call: from a state to a verdict and the state after it."""

from __future__ import annotations

from collections.abc import Sequence

from harness.abi import Condition
from harness.model.calls import Call
from harness.model.conditions import failing
from harness.model.conditions.granules import RMI_ABI_VERSION
from harness.model.effects import EFFECTS, OTHERWISE
from harness.model.effects.realm import psci_complete_denied_too_late
from harness.model.outcome import EnterVerdict
from harness.model.realm_side.entry import enter
from harness.model.state import State
from harness.model.verdict import (
    NOT_SUPPORTED,
    Answer,
    Registers,
    Verdict,
    reportable,
    status_word,
)
from harness.model.view import View, sure

_SUCCESS = status_word("RMI_SUCCESS")
_ENTER = "RMI_REC_ENTER"


def step(state: State, call: Call) -> tuple[Verdict, State]:
    """Judge a call and apply it.

    A call that fails returns the very same state object; the one exception is
    RMI_PSCI_COMPLETE with DENIED for a target that is on. A successful RMI_REC_ENTER gives
    an :class:`~harness.model.outcome.EnterVerdict`.
    """
    if call.command is None:
        return Verdict(call.name, call, (Answer((NOT_SUPPORTED,), "unknown_fid"),)), state
    view = View(state, call)
    conditions = failing(view)
    if conditions:
        return _failure(view, conditions)
    if view.name == _ENTER:
        outcome, after = enter(view)
        return EnterVerdict(_ENTER, call, (Answer((_SUCCESS,)),), outcome), after
    outputs, after = EFFECTS[view.name](view)
    other = OTHERWISE[view.name](view) if view.name in OTHERWISE else None
    seen = (outputs,) if other is None else (outputs, other)
    return Verdict(view.name, call, tuple(Answer((_SUCCESS, *out)) for out in seen)), after


def failing_conditions(state: State, call: Call) -> tuple[str, ...]:
    """Ids of all conditions that hold, in the tables' order; () for success.

    A condition whose prerequisites fail is undefined and left out.
    """
    return tuple(c.id for c in failing(View(state, call))) if call.command else ()


def _failure(view: View, conditions: Sequence[Condition]) -> tuple[Verdict, State]:
    ids = [condition.id for condition in conditions]
    allowed = reportable(sure(view.call.command), ids)
    answers = [
        Answer((_status(view, c), *_outputs(view, c)), c.id) for c in conditions if c.id in allowed
    ]
    strict = answers[0]
    after = view.state
    if (view.name, strict.condition) == ("RMI_PSCI_COMPLETE", "status"):
        after = psci_complete_denied_too_late(view)
    return Verdict(view.name, view.call, tuple(answers)), after


def _status(view: View, condition: Condition) -> int:
    index = condition.index
    if isinstance(index, str):
        levels = {
            "walk_level": lambda: view.sure_walk.level,
            "level": lambda: view.level,
            "level-1": lambda: view.level - 1,
        }
        index = levels[index]()
    return status_word(condition.status, index)


def _outputs(view: View, condition: Condition) -> Registers:
    """x1.. of a failure, where the tables say what they are."""
    if view.name == "RMI_VERSION":
        return (RMI_ABI_VERSION, RMI_ABI_VERSION)
    if view.name == "RMI_RTT_READ_ENTRY":
        return (0, 0, 0, 0)
    if view.name in ("RMI_DATA_DESTROY", "RMI_RTT_DESTROY"):
        return (None, _top(view, condition))
    if view.name == "RMI_RTT_UNMAP_UNPROTECTED" and condition.status == "RMI_ERROR_RTT":
        return (_top(view, condition),)
    return ()


def _top(view: View, condition: Condition) -> int:
    """``top``: 0 for a bad argument, else where a host goes on."""
    if condition.status != "RMI_ERROR_RTT":
        return 0
    ipa = view.arg("ipa")
    return ipa if condition.id == "rtt_live" else view.sure_walk.top(ipa)
