# SPDX-License-Identifier: BSD-3-Clause
"""What a failed test says: verdict, seen, context, next; the same in ``failure.json``."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

import pytest

from harness import rmi
from harness.artifacts import FAILURE_FILE, write_failure
from harness.errors import HarnessError, Verdict
from harness.plugin.evidence import FOLDER, Evidence, evidence_of, forget
from harness.plugin.recorded import timeline_facts
from harness.plugin.results import FACTS, missed_deadline
from harness.plugin.session import cca_session
from harness.stack import BuiltStack

_LAST_CALLS = 12


def pytest_assertrepr_compare(op: str, left: object, right: object) -> list[str] | None:
    """Explain a comparison of an RMI or RSI result in the specification's words."""
    return rmi.explain(left, right) if op == "==" else None


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add the project's own section to a failed phase."""
    report = yield
    if report.failed:
        evidence = evidence_of(item)
        error = _cause(call.excinfo.value if call.excinfo else None)
        facts = {"verdict": _verdict(error), "deadline": missed_deadline(error)}
        setattr(report, FACTS, facts)
        if evidence is not None or FOLDER in item.stash or isinstance(error, HarnessError):
            report.sections.append(("cca", _section(item, report, error, evidence)))
        if call.when == "setup" and _is_of_the_stack(error):
            report.longrepr = str(error)
    if call.when == "teardown":
        forget(item)
    return report


def _carried(facts: dict[str, object]) -> dict[str, str]:
    """What the report takes along, too, for whoever collects results."""
    timeline = str(facts.get("timeline", ""))
    return {
        "folder": str(facts["artefacts"]),
        "again": str(facts["reproduce"]),
        "timeline": timeline if timeline.endswith(".html") else "",
    }


def _is_of_the_stack(error: BaseException | None) -> bool:
    """Before the test has begun, such an error has no line of the test to show."""
    return isinstance(error, HarnessError) and error.verdict in ("stack", "lab")


def _cause(error: BaseException | None) -> BaseException | None:
    """The first of several errors that came up while a test was torn down."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[-1]  # pytest lists the last one first
    return error


def _section(
    item: pytest.Item,
    report: pytest.TestReport,
    error: BaseException | None,
    evidence: Evidence | None,
) -> str:
    try:
        return _explain(item, report, error, evidence)
    except (HarnessError, OSError) as problem:
        return f"this section could not be made: {problem}"


def _explain(
    item: pytest.Item,
    report: pytest.TestReport,
    error: BaseException | None,
    evidence: Evidence | None,
) -> str:
    cca = cca_session(item.config)
    folder = _folder(item)
    facts: dict[str, object] = {
        "test": item.nodeid,
        "verdict": _verdict(error),
        "phase": report.when,
        "error": str(error),
        "hint": error.hint if isinstance(error, HarnessError) else "",
        "reproduce": cca.reproduce(item.nodeid),
        "stack": cca.stack.name,
        "artefacts": str(folder),
    }
    if evidence is not None and evidence.built is not None:
        facts |= _stack_facts(evidence.built)
    elif "built" in vars(cca):
        facts |= _stack_facts(cca.built)
    if evidence is not None:
        facts |= evidence.facts(_LAST_CALLS)
        evidence.keep(folder)
        facts |= timeline_facts(folder, evidence, item.nodeid, str(error), _LAST_CALLS)
    write_failure(folder, facts)
    setattr(report, FACTS, getattr(report, FACTS) | _carried(facts))
    return _text(facts, evidence)


def _folder(item: pytest.Item) -> Path:
    """The folder that the test had for itself, if it has no report yet; else a new one."""
    own = item.stash.get(FOLDER, None)
    if own is not None and own.is_dir() and not (own / FAILURE_FILE).exists():
        return own
    return cca_session(item.config).run.test_folder(item.nodeid)


def _stack_facts(built: BuiltStack) -> dict[str, object]:
    return {"stack": built.name, "stack_hash": built.hash, "versions": dict(built.versions)}


def _verdict(error: BaseException | None) -> Verdict:
    """Who is to blame; None is a test that passed although it was expected to fail."""
    if isinstance(error, HarnessError):
        return error.verdict
    wrong_result = isinstance(error, AssertionError | pytest.fail.Exception | None)
    return "assertion" if wrong_result else "harness"


def _text(facts: dict[str, object], evidence: Evidence | None) -> str:
    lines = [f"verdict:   {facts['verdict']} (phase {facts['phase']})"]
    if evidence is not None:
        lines += _machine_lines(facts, evidence)
    lines.append(f"stack:     {facts['stack']} {str(facts.get('stack_hash', ''))[:12]}")
    if facts["hint"]:
        lines.append(f"hint:      {facts['hint']}")
    lines.append(f"again:     {facts['reproduce']}")
    lines.append(f"artefacts: {facts['artefacts']}")
    return "\n".join(lines)


def _machine_lines(facts: dict[str, object], evidence: Evidence) -> list[str]:
    lines = list(evidence.notes)
    if facts["last_calls"]:
        lines += ["last calls:", *_listed(facts["last_calls"])]
    if "timeline" in facts:
        lines.append(f"timeline:  {facts['timeline']}")
    lines.append(f"alarm:     {facts['first_alarm'] or 'none'}")
    if facts["verdict"] == "stack":
        lines += ["PEs:", *_listed(facts["positions"])]
    if facts["symbols"]:
        lines += ["symbols:", *_listed(facts["symbols"])]
    return [*lines, *evidence.shown_consoles()]


def _listed(lines: object) -> list[str]:
    return [f"  {line}" for line in lines] if isinstance(lines, list) else []
