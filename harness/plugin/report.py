# SPDX-License-Identifier: BSD-3-Clause
"""What a failed test says: verdict, seen, context, next; the same in ``failure.json``."""

from __future__ import annotations

import re
from collections.abc import Generator
from pathlib import Path

import pytest

from harness import rmi
from harness.artifacts import write_failure
from harness.errors import HarnessError, Verdict
from harness.link.protocol import OP_SMC
from harness.machine import Machine
from harness.plugin.fixtures import RUNNING
from harness.plugin.keeper import Running
from harness.plugin.recorded import timeline_facts
from harness.plugin.results import FACTS
from harness.plugin.session import cca_session

_LAST_CALLS = 12
_ADDRESS = re.compile(r"\b0x[0-9a-f]{8,16}\b")
_SHOWN_SYMBOLS = 12


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
        running = item.stash.get(RUNNING, None)
        error = _cause(call.excinfo.value if call.excinfo else None)
        setattr(report, FACTS, {"verdict": _verdict(error)})
        if running is not None or isinstance(error, HarnessError):
            report.sections.append(("cca", _section(item, report, error, running)))
        if call.when == "setup" and _is_of_the_stack(error):
            report.longrepr = str(error)
    if call.when == "teardown" and RUNNING in item.stash:
        del item.stash[RUNNING]  # the item lives on, and would keep the machine's RAM
    return report


def _carried(facts: dict[str, object]) -> dict[str, str]:
    """What the report takes along for whoever collects results."""
    timeline = str(facts.get("timeline", ""))
    return {
        "verdict": str(facts["verdict"]),
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
    running: Running | None,
) -> str:
    try:
        return _explain(item, report, error, running)
    except (HarnessError, OSError) as problem:
        return f"this section could not be made: {problem}"


def _explain(
    item: pytest.Item,
    report: pytest.TestReport,
    error: BaseException | None,
    running: Running | None,
) -> str:
    cca = cca_session(item.config)
    folder = cca.run.test_folder(item.nodeid)
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
    if "built" in vars(cca):
        facts |= {"stack_hash": cca.built.hash, "versions": dict(cca.built.versions)}
    if running is not None:
        facts |= _machine_facts(running)
        _keep_evidence(folder, running)
        facts |= timeline_facts(folder, running, item.nodeid, str(error), _LAST_CALLS)
    write_failure(folder, facts)
    setattr(report, FACTS, _carried(facts))
    return _text(facts, running)


def _verdict(error: BaseException | None) -> Verdict:
    """Who is to blame; None is a test that passed although it was expected to fail."""
    if isinstance(error, HarnessError):
        return error.verdict
    wrong_result = isinstance(error, AssertionError | pytest.fail.Exception | None)
    return "assertion" if wrong_result else "harness"


def _machine_facts(running: Running) -> dict[str, object]:
    machine = running.machine
    return {
        "last_calls": _calls(running)[-_LAST_CALLS:],
        "first_alarm": str(machine.alarms.first) if machine.alarms.first else None,
        "qemu_status": machine.exit_status,
        "command": machine.command,
        "consoles": {name: console.tail(15) for name, console in machine.consoles.items()},
        "positions": machine.positions(),
        "symbols": names_of_addresses(machine),
        "machine_folder": str(machine.folder),
    }


def _keep_evidence(folder: Path, running: Running) -> None:
    """The whole call log, and a pointer to the machine's transcripts."""
    text = "\n".join(_calls(running)) + "\n"
    (folder / "calls.txt").write_text(text, encoding="utf-8")
    link = folder / "machine"
    if not link.is_symlink():
        link.symlink_to(running.machine.folder)


def _calls(running: Running) -> list[str]:
    """The calls of the test that are still known, SMCs numbered as the ledger numbers them."""
    number = running.world.ledger.calls
    lines: list[str] = []
    for entry in reversed(running.link.log):
        mark = ""
        if entry.op == OP_SMC:
            mark, number = f"#{number}", number - 1
        lines.append(f"{mark:>5} {entry}")
    return lines[::-1]


def names_of_addresses(machine: Machine) -> list[str]:
    """Names for the code addresses that the consoles showed last."""
    found: dict[str, str] = {}
    for console in machine.consoles.values():
        for text in _ADDRESS.findall(console.tail(40)):
            named = machine.symbolise(int(text, 16))
            if "+" in named:
                found.setdefault(text, named)
    return [f"{address} {name}" for address, name in list(found.items())[:_SHOWN_SYMBOLS]]


def _text(facts: dict[str, object], running: Running | None) -> str:
    lines = [f"verdict:   {facts['verdict']} (phase {facts['phase']})"]
    if running is not None:
        lines += ["last calls:", *_listed(facts["last_calls"])]
        if "timeline" in facts:
            lines.append(f"timeline:  {facts['timeline']}")
        lines.append(f"alarm:     {facts['first_alarm'] or 'none'}")
        if facts["verdict"] == "stack":
            lines += ["PEs:", *_listed(facts["positions"])]
        if facts["symbols"]:
            lines += ["symbols:", *_listed(facts["symbols"])]
        lines.append(next(iter(running.machine.consoles.values())).describe(8))
    lines.append(f"stack:     {facts['stack']} {str(facts.get('stack_hash', ''))[:12]}")
    if facts["hint"]:
        lines.append(f"hint:      {facts['hint']}")
    lines.append(f"again:     {facts['reproduce']}")
    lines.append(f"artefacts: {facts['artefacts']}")
    return "\n".join(lines)


def _listed(lines: object) -> list[str]:
    return [f"  {line}" for line in lines] if isinstance(lines, list) else []
