# SPDX-License-Identifier: BSD-3-Clause
"""The executable model of the RMM: what every call must do, without doing any I/O.

::

    state = State(platform)
    verdict, state = step(state, call("RMI_GRANULE_DELEGATE", pa))
    assert verdict.accepts(x), verdict.explain(x)

RMI_REC_ENTER that succeeds leaves the REC running; :func:`act` then says what the realm's
own actions lead to, until one of them exits. :func:`check` lists violated invariants.
See docs/model.md.
"""

from harness.model.calls import Call, Memory, call
from harness.model.invariants import INVARIANTS, Invariant, check, check_step
from harness.model.outcome import Continues, EnterVerdict, Exits, Outcome, RealmException
from harness.model.platform import Layout, Pas, Platform, Region
from harness.model.realm_side.access import as_seen
from harness.model.realm_side.act import act
from harness.model.realm_side.activity import (
    Access,
    Activity,
    GicAccess,
    Hvc,
    Interrupt,
    Kind,
    Smc,
    Wait,
)
from harness.model.rtt import Hipas, Ripas
from harness.model.state import Granule, GranuleState, Realm, RealmState, Rec, State
from harness.model.stepping import failing_conditions, step
from harness.model.verdict import Answer, Verdict

__all__ = [
    "INVARIANTS",
    "Access",
    "Activity",
    "Answer",
    "Call",
    "Continues",
    "EnterVerdict",
    "Exits",
    "GicAccess",
    "Granule",
    "GranuleState",
    "Hipas",
    "Hvc",
    "Interrupt",
    "Invariant",
    "Kind",
    "Layout",
    "Memory",
    "Outcome",
    "Pas",
    "Platform",
    "Realm",
    "RealmException",
    "RealmState",
    "Rec",
    "Region",
    "Ripas",
    "Smc",
    "State",
    "Verdict",
    "Wait",
    "act",
    "as_seen",
    "call",
    "check",
    "check_step",
    "failing_conditions",
    "step",
]
