# SPDX-License-Identifier: BSD-3-Clause
"""A worker that died: xdist replaces it; its test is reported with what its machine showed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness.artifacts import write_failure
from harness.errors import HarnessError
from harness.plugin.results import FACTS
from harness.plugin.session import CcaSession, cca_session

_CONSOLES = ("host", "ns")
_SHOWN_LINES = 15
_SHOWN_BYTES = 4096


@pytest.hookimpl(optionalhook=True)
def pytest_handlecrashitem(crashitem: str, report: pytest.TestReport, sched: Any) -> None:
    """Add transcript, verdict and command to the report that xdist made; keep ``failure.json``."""
    cca = cca_session(sched.config)
    try:
        facts = explain(cca, crashitem, report.node.gateway.id)
    except (HarnessError, OSError) as problem:
        report.sections.append(("cca", f"this section could not be made: {problem}"))
        return
    carried = {"verdict": "lab", "folder": facts["artefacts"], "again": facts["reproduce"]}
    setattr(report, FACTS, carried)
    report.sections.append(("cca", _text(facts)))


def explain(cca: CcaSession, test: str, worker: str) -> dict[str, str]:
    """Write ``failure.json`` of a test whose worker died, and return what it says."""
    machine = last_machine(cca.run.path / "machines" / worker)
    console = said_last(machine) if machine else None
    folder = cca.run.test_folder(test)
    facts = {
        "test": test,
        "verdict": "lab",
        "phase": "unknown",
        "error": f"worker {worker!r} died while it ran this test",
        "hint": "the kernel's log says whether memory ran out; with -n 1 there is more of it",
        "reproduce": cca.reproduce(test),
        "stack": cca.stack.name,
        "machine_folder": str(machine or ""),
        "console": console.stem if console else "",
        "transcript": tail(console) if console else "",
        "artefacts": str(folder),
    }
    write_failure(folder, facts)
    if machine is not None:
        (folder / "machine").symlink_to(machine)
    return facts


def last_machine(folder: Path) -> Path | None:
    """The machine that a worker booted last, be it bare metal or a Linux host."""
    machines = [path for path in folder.glob("*") if said_last(path)]
    return max(machines, key=lambda path: path.stat().st_mtime_ns, default=None)


def said_last(machine: Path) -> Path | None:
    """The transcript of the console that tells most."""
    names = (machine / f"{name}.log" for name in _CONSOLES)
    return next((path for path in names if path.exists()), None)


def tail(transcript: Path) -> str:
    """The last lines of a transcript, as far as it was written."""
    text = transcript.read_bytes()[-_SHOWN_BYTES:].decode("utf-8", "replace")
    return "\n".join(text.replace("\r", "").splitlines()[-_SHOWN_LINES:])


def _text(facts: dict[str, str]) -> str:
    lines = [f"verdict:   {facts['verdict']}, {facts['error']}"]
    if facts["transcript"]:
        lines.append(f"last lines of console '{facts['console']}':")
        lines += [f"  | {line}" for line in facts["transcript"].splitlines()]
    lines += [f"hint:      {facts['hint']}", f"again:     {facts['reproduce']}"]
    return "\n".join([*lines, f"artefacts: {facts['artefacts']}"])
