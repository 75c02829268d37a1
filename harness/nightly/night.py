# SPDX-License-Identifier: BSD-3-Clause
"""A night: every cell in turn, then the figures; each step is in the history once it is done."""

from __future__ import annotations

import fcntl
import json
import os
import platform
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Protocol

from harness.errors import HarnessError
from harness.nightly import bench, tidy
from harness.nightly import cell as cells
from harness.nightly.cell import Place
from harness.nightly.config import Cell, NightConfig, NightlyError
from harness.nightly.covered import count_cells
from harness.nightly.ending import after_attempt, out_of_budget
from harness.nightly.history import History
from harness.nightly.quarantine import Quarantine, load_quarantine
from harness.nightly.rows import CellRow, NightRow, ResultRow

HISTORY = "history.sqlite"
_LEAST_S = 5.0
"""With less than this left nothing is begun."""


class Prepare(Protocol):
    """Makes sure that a stack can be booted: installs and builds. Raises HarnessError."""

    def __call__(self, words: list[str], /) -> object:
        """``words`` are --stack and --set."""


class Night:
    """Runs one night of a configuration, or the rest of one."""

    def __init__(
        self,
        config: NightConfig,
        history: History,
        checkout: Path,
        prepare: Prepare,
        say: Callable[[str], None] = print,
    ) -> None:
        self.config = config
        self.history = history
        self.checkout = checkout
        self.prepare = prepare
        self.say = say

    def run(self, *, resume: bool) -> NightRow:
        """Run to the end of the matrix or of the budget. Raises NightlyError, HarnessError.

        ``resume`` goes on with a night that was interrupted, if there is one.
        """
        with locked(self.config.folder):
            self.history.check()
            night = (self.history.unfinished() if resume else None) or self._begin()
            quarantine = load_quarantine(self.config.quarantine, date.today())
            complaints = quarantine.complaints()
            self.history.note(night.id, complaints=complaints)
            for line in complaints:
                self.say(f"error: {line}")
            place = Place(
                checkout=self.checkout,
                night=night.id,
                night_folder=self.config.folder / night.id,
                workers=self.config.workers,
                seed=night.seed,
            )
            self._cells(place, quarantine)
            self._bench(place)
            self.history.finish(night.id, "done")
            tidy.old_nights(self.config.folder, self.history, self.config.keep_nights)
            return self.history.night(night.id)

    def _begin(self) -> NightRow:
        now = time.time()
        name = _unused(self.config.folder, time.strftime("%Y%m%d-%H%M", time.localtime(now)))
        facts = {
            "config": str(self.config.file),
            "budget_s": self.config.budget_s,
            "host": platform.node(),
            "cpus": len(os.sched_getaffinity(0)),
            **_commit(self.checkout),
        }
        night = NightRow(id=name, started_s=now, seed=int(now), facts=facts)
        rows = [CellRow(night=name, name=c.name, axes=c.axes) for c in self.config.cells]
        folder = self.config.folder / name
        try:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "night.json").write_text(
                json.dumps({"night": name, **facts}, indent=2) + "\n"
            )
        except OSError as problem:
            raise NightlyError(
                f"the night's folder {folder} cannot be written: {problem.strerror}",
                hint="free space there, or let [night] folder name another place",
            ) from problem
        self.history.begin(night, rows)
        return night

    def _left_s(self, place: Place) -> float:
        used = sum(row.used_s for row in self.history.cells(place.night))
        return self.config.budget_s - used

    def _cells(self, place: Place, quarantine: Quarantine) -> None:
        plan = {one.name: one for one in self.config.cells}
        for row in self.history.cells(place.night):
            if row.state not in ("pending", "running", "ran"):
                continue
            if row.name not in plan:
                message = f"{self.config.file} has no such cell any more"
                self.history.save_cell(replace(row, state="not run", message=message))
                continue
            self._cell(place, plan[row.name], row, quarantine)
            self._tell(place, row.name)

    def _cell(self, place: Place, one: Cell, row: CellRow, quarantine: Quarantine) -> None:
        if row.state != "ran":
            row = self._run(place, one, row, quarantine)
        if row.state == "ran":
            self._judge(place, one, row)

    def _run(self, place: Place, one: Cell, row: CellRow, quarantine: Quarantine) -> CellRow:
        """Run the cell's tests, again after a kill, and book what they did."""
        try:
            self.prepare([f"--stack={one.stack}", *(f"--set={s}" for s in one.settings)])
        except HarnessError as error:
            row = replace(row, state="error", message=str(error))
            self.history.save_cell(row)
            return row
        while True:
            budget_s = min(one.budget_s - row.used_s, self._left_s(place))
            if budget_s < _LEAST_S:
                return self._book(place, one, out_of_budget(row, one), quarantine)
            row = replace(row, state="running", attempts=row.attempts + 1)
            self.history.save_cell(row)
            start = time.monotonic()
            try:
                ended = cells.run_attempt(place, one, budget_s)
            finally:
                row = replace(row, used_s=row.used_s + time.monotonic() - start)
                self.history.save_cell(row)
            book = cells.read_attempts(place, one)
            after = after_attempt(row, ended, book, one, cells.log_tail(place, one))
            if after is not None:
                return self._book(place, one, after, quarantine)

    def _book(self, place: Place, one: Cell, row: CellRow, quarantine: Quarantine) -> CellRow:
        book = cells.read_attempts(place, one)
        covered, reachable = count_cells(self.checkout, one, book)
        row = replace(
            row,
            planned=len(book.planned),
            stack_hash=str(book.stack.get("hash", "")),
            versions=book.stack.get("versions", {}),
            covered=covered,
            reachable=reachable,
        )
        self.history.save_cell(row, cells.result_rows(place, one, book, quarantine))
        return row

    def _judge(self, place: Place, one: Cell, row: CellRow) -> None:
        """Run failures again and rule what each is."""
        results = self.history.results(place.night, one.name)
        failed = [result for result in results if result.outcome == "failed"]
        rerun = [result.test for result in failed[: self.config.most_reruns]]
        start = time.monotonic()
        budget_s = min(self.config.rerun_budget_s, self._left_s(place))
        again = (
            cells.run_again(place, one, rerun, self.config.reruns, budget_s)
            if budget_s >= _LEAST_S
            else {}
        )
        decided = cells.read_attempts(place, one).results()
        judged: list[ResultRow] = [
            cells.ruled(result, decided[result.test].decided_by, again.get(result.test, []))
            if result.outcome == "failed"
            else result
            for result in results
        ]
        used_s = row.used_s + time.monotonic() - start
        incomplete = any(result.outcome == "not run" for result in results)
        state = "stopped" if incomplete else "done"
        self.history.save_cell(replace(row, state=state, used_s=used_s), judged)
        if self.config.keep_recordings == "failed":
            tidy.recordings(place.folder(one))

    def _bench(self, place: Place) -> None:
        done = {row.stack for row in self.history.bench(place.night) if row.night == place.night}
        for plan in self.config.bench:
            budget_s = min(plan.budget_s, self._left_s(place))
            if plan.stack in done or budget_s < _LEAST_S:
                continue
            try:
                self.prepare([f"--stack={plan.stack}", *(f"--set={s}" for s in plan.settings)])
                rows = bench.run_bench(
                    self.checkout, place.night, place.night_folder, plan, budget_s
                )
            except HarnessError as error:
                self.say(f"bench {plan.stack}: error: {error}")
                problems = {**self.history.night(place.night).facts.get("bench_problems", {})}
                self.history.note(place.night, bench_problems={**problems, plan.stack: str(error)})
                continue
            self.history.save_bench(rows)
            self.say(f"bench {plan.stack}: {len(rows)} figures")

    def _tell(self, place: Place, name: str) -> None:
        row = next(row for row in self.history.cells(place.night) if row.name == name)
        counts = self.history.counts(place.night).get(name, {})
        shown = ", ".join(f"{n} {outcome}" for outcome, n in sorted(counts.items())) or "no tests"
        state = "" if row.state == "done" else f" [{row.state}]"
        first = row.message.splitlines()[0] if row.message else ""
        self.say(f"{name}: {shown}, {row.used_s:.0f} s{state} {first}".rstrip())


def _unused(folder: Path, name: str) -> str:
    number, unused = 1, name
    while (folder / unused).exists():
        number += 1
        unused = f"{name}.{number}"
    return unused


def _commit(checkout: Path) -> dict[str, str]:
    """The commit of the checkout, if it is one of git's."""
    command = ["git", "-C", str(checkout), "log", "-1", "--format=%H%n%s"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError:
        return {}
    words = done.stdout.splitlines()
    return {"commit": words[0], "subject": words[1]} if len(words) == 2 else {}


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """One nightly at a time in a folder; the lock ends with the process. Raises NightlyError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = (folder / ".lock").open("a+")
    except OSError as problem:
        raise NightlyError(
            f"{folder} cannot be written: {problem.strerror}",
            hint="let [night] folder name another place",
        ) from problem
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise NightlyError(
                f"another nightly runs in {folder} (process {file.read().strip() or 'unknown'})",
                hint="wait for it, or use a configuration with another folder",
            ) from None
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield
