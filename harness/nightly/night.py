# SPDX-License-Identifier: BSD-3-Clause
"""A night: every cell in turn, then the figures; each step is in the history once it is done."""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Protocol

from harness.deadline import Clock, Deadline
from harness.errors import HarnessError
from harness.nightly import bench, reruns, tidy
from harness.nightly import cell as cells
from harness.nightly.cell import LEAST_S, Place
from harness.nightly.commit import commit_of
from harness.nightly.config import BenchPlan, Cell, NightConfig, unwritable
from harness.nightly.covered import count_cells
from harness.nightly.ending import after_attempt, after_reruns, not_prepared, out_of_budget
from harness.nightly.history import History
from harness.nightly.locks import locked
from harness.nightly.quarantine import Quarantine, load_quarantine
from harness.nightly.rows import CellRow, NightRow, ResultRow

HISTORY = "history.sqlite"


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
        clock: Clock = time.monotonic,
    ) -> None:
        self.config = config
        self.history = history
        self.checkout = checkout
        self.prepare = prepare
        self.say = say
        self.clock = clock

    def run(self, *, resume: bool) -> NightRow:
        """Run to the end of the matrix or of the budget. Raises NightlyError, HarnessError.

        ``resume`` goes on with a night of this commit that was interrupted, if there is one.
        """
        with locked(self.config.folder):
            self.history.check()
            quarantine = load_quarantine(self.config.quarantine, date.today())
            night = (self._unfinished() if resume else None) or self._begin()
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

    def _unfinished(self) -> NightRow | None:
        """The night to go on with: results of two commits are not one night."""
        night = self.history.unfinished()
        if night is None:
            return None
        was, now = (facts.get("commit", "") for facts in (night.facts, commit_of(self.checkout)))
        if was == now:
            return night
        shown = [commit[:12] or "no commit" for commit in (was, now)]
        self.say(f"night {night.id} is of {shown[0]}, this is {shown[1]}: a new one begins")
        return None

    def _begin(self) -> NightRow:
        now = time.time()
        name = _unused(self.config.folder, time.strftime("%Y%m%d-%H%M", time.localtime(now)))
        facts = {
            "config": str(self.config.file),
            "budget_s": self.config.budget_s,
            "host": platform.node(),
            "cpus": len(os.sched_getaffinity(0)),
            **commit_of(self.checkout),
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
            raise unwritable(folder, problem) from problem
        self.history.begin(night, rows)
        return night

    def _left_s(self, place: Place) -> float:
        cells_s = sum(row.used_s for row in self.history.cells(place.night))
        beside_s: float = self.history.night(place.night).facts.get("beside_s", 0.0)
        return self.config.budget_s - cells_s - beside_s

    @contextmanager
    def _beside(self, place: Place) -> Iterator[None]:
        """Time of the night that is no cell's: to build stacks, to measure."""
        start = self.clock()
        try:
            yield
        finally:
            before: float = self.history.night(place.night).facts.get("beside_s", 0.0)
            self.history.note(place.night, beside_s=before + self.clock() - start)

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
        if row.state == "running":  # killed: it could not say how long it took
            killed = place.folder(one) / f"attempt-{row.attempts}"
            row = replace(row, state="pending", used_s=row.used_s + cells.span_s(killed))
            self.history.save_cell(row)
        if self._left_s(place) < LEAST_S:
            return self._book(place, one, out_of_budget(row, one), quarantine)
        try:
            with self._beside(place):
                self._prepare(one)
        except HarnessError as error:
            row = not_prepared(row, cells.read_attempts(place, one), str(error))
            return self._book(place, one, row, quarantine)
        while True:
            budget_s = min(one.budget_s - row.used_s, self._left_s(place))
            if budget_s < LEAST_S:
                return self._book(place, one, out_of_budget(row, one), quarantine)
            # The number that its folder gets: a kill before there is one leaves no gap.
            attempt = len(cells.folders(place, one, "attempt")) + 1
            row = replace(row, state="running", attempts=attempt)
            self.history.save_cell(row)
            start = self.clock()
            try:
                ended = cells.run_attempt(place, one, budget_s)
            finally:
                used_s = row.used_s + self.clock() - start
                row = replace(row, state="pending", used_s=used_s)
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
        spent_s = reruns.spent_s(place, one)  # until an interrupt or a kill: nobody booked it
        left_s = min(self.config.rerun_budget_s, self._left_s(place)) - spent_s
        deadline = Deadline.after(max(0.0, left_s), self.clock)
        again = reruns.run_again(place, one, rerun, self.config.reruns, deadline)
        row = replace(row, used_s=row.used_s + spent_s + deadline.elapsed_s)
        decided = cells.read_attempts(place, one).results()
        judged: list[ResultRow] = [
            cells.ruled(result, decided[result.test].decided_by, again.get(result.test, []))
            if result.outcome == "failed"
            else result
            for result in results
        ]
        self.history.save_cell(after_reruns(row, judged), judged)
        if self.config.keep_recordings == "failed":
            tidy.recordings(place.folder(one))

    def _bench(self, place: Place) -> None:
        done = {row.stack for row in self.history.bench(place.night) if row.night == place.night}
        for plan in self.config.bench:
            if plan.stack in done or self._left_s(place) < LEAST_S:
                continue
            try:
                with self._beside(place):
                    self._prepare(plan)
                budget_s = min(plan.budget_s, self._left_s(place))
                if budget_s < LEAST_S:
                    continue
                with self._beside(place):
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

    def _prepare(self, one: Cell | BenchPlan) -> None:
        self.prepare([f"--stack={one.stack}", *(f"--set={s}" for s in one.settings)])

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
