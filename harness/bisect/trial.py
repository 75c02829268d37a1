# SPDX-License-Identifier: BSD-3-Clause
"""One revision under test: its files in place of the stack's, the chosen tests in a pytest."""

from __future__ import annotations

import itertools
import os
import re
import select
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from harness import results
from harness.bisect.errors import BisectError
from harness.bisect.journal import Journal
from harness.bisect.series import Revision, Source, Tried
from harness.errors import ProvisionError, StackError
from harness.machine.process import ChildProcess
from harness.stack.components import CHECKOUT
from harness.stack.hashing import FileHasher, digest

_LOG_LINES = 30
_OWN_MODULE = re.compile(r"^harness\.[\w.]*\.(?=\w+:)")
_NOTHING_SELECTED = 5
_ENDED = (0, 1, 2)
"""Passed, failed, stopped because no machine of the stack boots."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialSettings:
    """What is run: words for pytest (``-k`` and so on), how often, for how long.

    ``boot_is_test``: a stack that does not boot is bad, where otherwise it says nothing.
    """

    component: str
    words: Sequence[str]
    timeout_s: float = 1800.0
    repeat: int = 1
    boot_is_test: bool = False


class Trial:
    """Tries revisions; a revision whose files were tested before is not run again."""

    def __init__(
        self, source: Source, settings: TrialSettings, journal: Journal, folder: Path
    ) -> None:
        self._source, self._settings, self._journal = source, settings, journal
        self._folder = folder
        self._hasher = FileHasher()

    def __call__(self, revision: Revision) -> Tried:
        """Build and test. Raises ``ProvisionError`` and ``BisectError``, which no skip mends."""
        try:
            files = self._source.outputs(revision)
        except ProvisionError:
            raise
        except StackError as problem:
            return Tried("skip", f"does not build: {problem.message.splitlines()[0]}")
        same = digest({name: self._hasher.file(path) for name, path in files.items()})
        known = self._journal.like(same)
        if known is not None:
            return replace(known, reason=known.reason or "the same files as another revision")
        tried = Tried("good")
        for _ in range(self._settings.repeat):
            tried = self._run(revision, files)
            if tried.state != "good":
                break
        return replace(tried, same=same)

    def _run(self, revision: Revision, files: Mapping[str, Path]) -> Tried:
        folder = self._new_folder(revision)
        report, log = folder / "results.jsonl", folder / "pytest.log"
        component = self._settings.component
        command = [
            *(
                "env",
                "-C",
                str(CHECKOUT),
                "-u",
                "CCA_OUTCOMES",
                f"{results.FILE_VARIABLE}={report}",
            ),
            *(sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "no:randomly"),
            *(f"--set={component}.{name}={path}" for name, path in files.items()),
            *(f"--runs={folder / 'runs'}", *self._settings.words),
        ]
        process = ChildProcess.start(command, [], log)
        try:
            status = _wait(process, self._settings.timeout_s)
        finally:
            process.stop(soft_s=2.0)
        book = results.read([report])
        if status is None:
            why = f"no end within {self._settings.timeout_s:g} s"
            return Tried("skip", why, folder=str(folder))
        return self._judge(status, book, folder, log)

    def _new_folder(self, revision: Revision) -> Path:
        name = "".join(c if c.isalnum() else "-" for c in revision.title)[:40].strip("-")
        for number in itertools.count(1):
            folder = self._folder / (name if number == 1 else f"{name}.{number}")
            if not folder.exists():
                folder.mkdir(parents=True)
                return folder
        raise AssertionError

    def _judge(self, status: int, book: results.Book, folder: Path, log: Path) -> Tried:
        ended = list(book.results().values())
        failed = [result.decided_by for result in ended if result.failed]
        if status == _NOTHING_SELECTED or (status == 0 and not ended):
            raise BisectError(
                f"no test is selected by {' '.join(self._settings.words)}",
                hint="scripts/regress --collect-only takes the same words",
            )
        if status not in _ENDED or (status != 0 and not failed):
            tail = "\n".join(log.read_text(errors="replace").splitlines()[-_LOG_LINES:])
            raise BisectError(f"pytest ended with status {status}:\n{tail}", hint=f"see {log}")
        if not failed:
            if all(result.outcome == "skipped" for result in ended):
                return Tried("skip", f"all tests skipped: {ended[0].decided_by.text}")
            return Tried("good")
        return self._verdict(failed, folder)

    def _verdict(self, failed: Sequence[results.Phase], folder: Path) -> Tried:
        """The first failure that says something of the component decides."""
        telling = [phase for phase in failed if not self._says_nothing(phase)]
        phase = (telling or failed)[0]
        summary = next((line for line in phase.text.strip().splitlines() if line[:2] == "E "), "")
        reason = _OWN_MODULE.sub("", summary.removeprefix("E").strip()) or _first_line(phase.text)
        where = phase.folder or str(folder)
        if telling:
            return Tried("bad", reason, phase.test, phase.text, where)
        what = "does not boot" if phase.verdict == "stack" else f"{phase.verdict} fault"
        return Tried("skip", f"{what}: {reason}", phase.test, phase.text, where)

    def _says_nothing(self, phase: results.Phase) -> bool:
        """A lab fault never does; a stack that does not boot may be broken in any way."""
        if phase.verdict == "lab":
            return True
        no_boot = phase.verdict == "stack" and phase.phase == "setup"
        return no_boot and not self._settings.boot_is_test


def _first_line(text: str) -> str:
    return next((line for line in text.splitlines() if line.strip()), "").strip()


def _wait(process: ChildProcess, timeout_s: float) -> int | None:
    """Wait for a process; None if time runs out."""
    try:
        end = os.pidfd_open(process.pid)
    except ProcessLookupError:
        return process.poll()
    try:
        select.select([end], [], [], timeout_s)
    finally:
        os.close(end)
    return process.poll()
