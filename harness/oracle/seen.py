# SPDX-License-Identifier: BSD-3-Clause
"""What was seen of a REC that ran, compared with its plan."""

from __future__ import annotations

from harness.abi import codec
from harness.model import Access, Continues, Exits, Kind, Outcome, State, act, as_seen
from harness.oracle import program
from harness.oracle.disagree import Disagreement
from harness.oracle.memory import mapped
from harness.oracle.residents import Plan, Residents
from harness.oracle.script import show_deed
from harness.realm import Exit, Report
from harness.realm.exits import decode_exit
from harness.types import GRANULE_BYTES, Pa

_EXIT_OFFSET = codec("RmiRecRun").offset("exit")
_EXIT_BYTES = codec("RmiRecExit").layout.size


def compare_run(residents: Residents, plan: Plan, run: int) -> State:
    """Compare everything that an entry showed; returns the model's state after it.

    Raises Disagreement. ``run`` is the run page.
    """
    _compare_written(residents, plan, plan.entry)
    if plan.exit is not None:
        shown = compare_exit(residents, plan.exit, run)
        return as_seen(plan.state, plan.rec, plan.exit, shown.record)
    assert plan.result is not None
    seen = _last_exit(residents, run)
    state_ipa = residents.rec_state(plan.state.recs[plan.rec])
    outcome, state = act(plan.state, plan.rec, program.report_call(state_ipa, seen.gprs))
    _require(outcome, seen, "the program's report")
    _compare_written(residents, plan, plan.result)
    report = Report.of(seen)
    words = _compare_memory(residents, plan)
    if found := program.differences(plan.body, plan.result, report, words):
        what = f"what the realm saw of {show_deed(plan.body.deed)}"
        raise Disagreement(what, "\n    ".join(found), str(report))
    return state


def compare_exit(residents: Residents, wanted: Outcome, run: int) -> Exit:
    """Compare the exit area of a run page with an exit that had to come; returns what it shows."""
    assert isinstance(wanted, Exits)
    seen = _last_exit(residents, run)
    _require(wanted, seen, wanted.reason_name)
    return seen


def _last_exit(residents: Residents, run: int) -> Exit:
    return decode_exit(residents.memory.link.read(Pa(run + _EXIT_OFFSET), _EXIT_BYTES))


def _require(wanted: Outcome, seen: Exit, name: str) -> None:
    assert isinstance(wanted, Exits)
    if found := wanted.mismatches(seen.record):
        raise Disagreement("exit of the REC", f"{name}; {'; '.join(found)}", seen.describe())


def _compare_memory(residents: Residents, plan: Plan) -> tuple[int, ...] | None:
    """Check what a plain write stored, or return the words that a plain read had to find."""
    deed, memory = plan.body.deed, residents.memory
    if not plan.performed or not isinstance(deed, Access) or deed.kind is Kind.FETCH:
        return None
    if not memory.sees_all or plan.result is None or plan.result.exception:
        return None
    realm = plan.state.realms[plan.state.recs[plan.rec].rd]
    places = [mapped(realm, deed.ipa + at) for at in range(0, deed.width_bytes, 8)]
    mask = (1 << 8 * min(deed.width_bytes, 8)) - 1
    found = [memory.word(pa) & mask for pa in places if pa is not None]
    if deed.kind is Kind.READ:
        return tuple(_loaded(deed, word) for word in found)
    if any(word != deed.value & mask for word in found):
        seen = ", ".join(f"{word:#x}" for word in found)
        raise Disagreement(f"memory after {show_deed(deed)}", f"{deed.value & mask:#x}", seen)
    return None


def _loaded(deed: Access, word: int) -> int:
    """The register after a load."""
    sign = 1 << (8 * deed.width_bytes - 1)
    if deed.sign_extend and word & sign:
        word -= sign << 1
    return word & ((1 << deed.register_bits) - 1) if deed.sign_extend else word


def _compare_written(residents: Residents, plan: Plan, outcome: Outcome | None) -> None:
    """What the RMM had to write into the realm's memory; the program's own changes again."""
    if not isinstance(outcome, Continues) or outcome.written is None:
        return
    ipa, wanted = outcome.written
    own = residents.ground.program.pages
    if not residents.memory.sees_all or own[0][0] <= ipa < own[-1][0] + GRANULE_BYTES:
        return
    pa = mapped(plan.state.realms[plan.state.recs[plan.rec].rd], ipa)
    if pa is not None and residents.memory.link.read(Pa(pa), len(wanted)) != wanted:
        raise Disagreement(f"what the RMM wrote at IPA {ipa:#x}", wanted.hex(), "other bytes")
