# SPDX-License-Identifier: BSD-3-Clause
"""Every night since the first, in one SQLite file.

Each step of a night is one transaction on a write-ahead log: whatever is killed, and when,
the file has the steps before. What a cell has done meanwhile lies in its own files.
"""

from __future__ import annotations

import json
import sqlite3
import time
import weakref
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from harness.deadline import Deadline
from harness.nightly.config import NightlyError
from harness.nightly.locks import opening
from harness.nightly.rows import BenchRow, CellRow, NightRow, ResultRow

_VERSION = 1
_WAIT_S = 30.0

_SCHEMA = """
CREATE TABLE night (
    id TEXT PRIMARY KEY, started_s REAL NOT NULL, finished_s REAL, state TEXT NOT NULL,
    seed INTEGER NOT NULL, facts TEXT NOT NULL);
CREATE TABLE cell (
    night TEXT NOT NULL REFERENCES night ON DELETE CASCADE, number INTEGER NOT NULL,
    name TEXT NOT NULL, axes TEXT NOT NULL, state TEXT NOT NULL, used_s REAL NOT NULL,
    attempts INTEGER NOT NULL, planned INTEGER NOT NULL, message TEXT NOT NULL,
    stack_hash TEXT NOT NULL, versions TEXT NOT NULL, covered INTEGER NOT NULL,
    reachable INTEGER NOT NULL, PRIMARY KEY (night, name));
CREATE TABLE result (
    night TEXT NOT NULL REFERENCES night ON DELETE CASCADE, cell TEXT NOT NULL,
    test TEXT NOT NULL, outcome TEXT NOT NULL, phase TEXT NOT NULL, duration_s REAL NOT NULL,
    start_s REAL NOT NULL, worker TEXT NOT NULL, verdict TEXT NOT NULL, text TEXT NOT NULL,
    folder TEXT NOT NULL, timeline TEXT NOT NULL, again TEXT NOT NULL, kind TEXT NOT NULL,
    why TEXT NOT NULL, reruns TEXT NOT NULL, quarantine TEXT NOT NULL,
    PRIMARY KEY (night, cell, test)) WITHOUT ROWID;
CREATE INDEX result_of_test ON result (cell, test, night);
CREATE INDEX result_failed ON result (outcome, night);
CREATE TABLE bench (
    night TEXT NOT NULL REFERENCES night ON DELETE CASCADE, stack TEXT NOT NULL,
    name TEXT NOT NULL, unit TEXT NOT NULL, median REAL NOT NULL, samples TEXT NOT NULL,
    PRIMARY KEY (night, stack, name));
"""


class History:
    """Reads and writes the file; every method is one transaction. Raises NightlyError."""

    def __init__(self, file: Path) -> None:
        self.file = file
        with self._explained():
            file.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(file, timeout=_WAIT_S, isolation_level=None)
            weakref.finalize(self, self._db.close)  # Python 3.13 complains of what is left open
            self._db.row_factory = sqlite3.Row
            with opening(file, Deadline.after(_WAIT_S)):
                self._db.execute("PRAGMA journal_mode = WAL")
                self._db.execute("PRAGMA foreign_keys = ON")
                self._migrate()

    def _migrate(self) -> None:
        version = self._db.execute("PRAGMA user_version").fetchone()[0]
        if version > _VERSION:
            raise NightlyError(
                f"{self.file} has version {version}, this harness knows {_VERSION}",
                hint="use the harness that wrote it, or another folder",
            )
        if version == 0:
            script = f"BEGIN IMMEDIATE; {_SCHEMA} PRAGMA user_version = {_VERSION}; COMMIT;"
            self._db.executescript(script)

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def check(self) -> None:
        """Look through the whole file. Raises NightlyError if it is damaged."""
        with self._explained():
            found = [row[0] for row in self._db.execute("PRAGMA integrity_check")]
        if found != ["ok"]:
            raise NightlyError(f"{self.file} is damaged: {'; '.join(found[:3])}")

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as problem:
            raise NightlyError(
                f"the history {self.file} cannot be used: {problem}",
                hint="free space there, or let [night] folder name a place that can be written",
            ) from problem

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._explained():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    # Writing.

    def begin(self, night: NightRow, cells: Sequence[CellRow]) -> None:
        """Book a night that begins; one that was never ended is given up."""
        with self._writing() as db:
            db.execute("UPDATE night SET state = 'interrupted' WHERE state = 'running'")
            values = (night.id, night.started_s, night.seed, json.dumps(dict(night.facts)))
            db.execute("INSERT INTO night VALUES (?, ?, NULL, 'running', ?, ?)", values)
            for number, cell in enumerate(cells):
                _put_cell(db, number, cell)

    def note(self, night: str, **facts: object) -> None:
        """Add facts to a night."""
        with self._writing() as db:
            row = db.execute("SELECT facts FROM night WHERE id = ?", (night,)).fetchone()
            text = json.dumps({**json.loads(row["facts"]), **facts})
            db.execute("UPDATE night SET facts = ? WHERE id = ?", (text, night))

    def save_cell(self, cell: CellRow, results: Sequence[ResultRow] | None = None) -> None:
        """Book where a cell is; with ``results`` also what its tests did."""
        with self._writing() as db:
            query = "SELECT number FROM cell WHERE night = ? AND name = ?"
            number = db.execute(query, (cell.night, cell.name)).fetchone()["number"]
            _put_cell(db, number, cell)
            if results is not None:
                db.execute(
                    "DELETE FROM result WHERE night = ? AND cell = ?", (cell.night, cell.name)
                )
                db.executemany(_INSERT_RESULT, [_result_values(result) for result in results])

    def save_bench(self, rows: Sequence[BenchRow]) -> None:
        """Book figures."""
        with self._writing() as db:
            db.executemany(
                "INSERT OR REPLACE INTO bench VALUES (?, ?, ?, ?, ?, ?)",
                [
                    (r.night, r.stack, r.name, r.unit, r.median, json.dumps(list(r.samples)))
                    for r in rows
                ],
            )

    def finish(self, night: str, state: str) -> None:
        """Book the end of a night."""
        with self._writing() as db:
            values = (time.time(), state, night)
            db.execute("UPDATE night SET finished_s = ?, state = ? WHERE id = ?", values)

    # Reading.

    def nights(self, last: int = 60) -> list[NightRow]:
        """The last nights, the newest first."""
        query = "SELECT * FROM night ORDER BY started_s DESC, id DESC LIMIT ?"
        return [
            NightRow(
                id=row["id"],
                started_s=row["started_s"],
                finished_s=row["finished_s"],
                state=row["state"],
                seed=row["seed"],
                facts=json.loads(row["facts"]),
            )
            for row in self._all(query, last)
        ]

    def night(self, name: str) -> NightRow:
        """One night. Raises NightlyError that names those there are."""
        nights = self.nights(1000)
        for night in nights:
            if night.id == name:
                return night
        known = ", ".join(night.id for night in nights[:5]) or "none"
        raise NightlyError(f"there is no night {name} in {self.file}; the last are: {known}")

    def unfinished(self) -> NightRow | None:
        """The newest night, if it was interrupted while it ran."""
        newest = next(iter(self.nights(1)), None)
        return newest if newest is not None and newest.state == "running" else None

    def cells(self, night: str) -> list[CellRow]:
        """The cells of a night in the order of its plan."""
        rows = self._all("SELECT * FROM cell WHERE night = ? ORDER BY number", night)
        return [_cell(row) for row in rows]

    def results(self, night: str, cell: str | None = None) -> list[ResultRow]:
        """What tests did in a night (or one of its cells), in the order of their ids."""
        if cell is None:
            rows = self._all("SELECT * FROM result WHERE night = ? ORDER BY cell, test", night)
        else:
            query = "SELECT * FROM result WHERE night = ? AND cell = ? ORDER BY test"
            rows = self._all(query, night, cell)
        return [_result(row) for row in rows]

    def outcomes(
        self, cell: str, tests: Sequence[str], until: str
    ) -> dict[str, list[tuple[str, str, str]]]:
        """For each test the (night, outcome, kind) before ``until``, the newest first."""
        found: dict[str, list[tuple[str, str, str]]] = {}
        query = """
            SELECT result.night, outcome, kind FROM result JOIN night ON night.id = result.night
            WHERE cell = ? AND test = ? AND started_s < (SELECT started_s FROM night WHERE id = ?)
            ORDER BY started_s DESC LIMIT 60"""
        for test in tests:
            rows = self._all(query, cell, test, until)
            found[test] = [(row["night"], row["outcome"], row["kind"]) for row in rows]
        return found

    def failed(self, night: str) -> set[tuple[str, str]]:
        """(cell, test) of what failed for good in a night."""
        query = """
            SELECT cell, test FROM result WHERE night = ? AND outcome = 'failed'
            AND kind IN ('deterministic', 'not rerun', '')"""
        return {(row["cell"], row["test"]) for row in self._all(query, night)}

    def counts(self, night: str) -> dict[str, dict[str, int]]:
        """For each cell of a night the number of tests by outcome; flakes are one of their own."""
        query = """
            SELECT cell, CASE WHEN kind IN ('flake', 'host overload', 'lab fault') THEN 'flake'
            ELSE outcome END outcome, count(*) n FROM result WHERE night = ? GROUP BY 1, 2"""
        found: dict[str, dict[str, int]] = {}
        for row in self._all(query, night):
            found.setdefault(row["cell"], {})[row["outcome"]] = row["n"]
        return found

    def bench(self, until: str) -> list[BenchRow]:
        """All figures up to a night, the oldest first."""
        query = """
            SELECT bench.* FROM bench JOIN night ON night.id = bench.night
            WHERE started_s <= (SELECT started_s FROM night WHERE id = ?)
            ORDER BY started_s, stack, bench.rowid"""
        return [
            BenchRow(
                night=row["night"],
                stack=row["stack"],
                name=row["name"],
                unit=row["unit"],
                median=row["median"],
                samples=tuple(json.loads(row["samples"])),
            )
            for row in self._all(query, until)
        ]

    def _all(self, query: str, *values: object) -> list[sqlite3.Row]:
        with self._explained():
            return self._db.execute(query, values).fetchall()


_INSERT_RESULT = f"INSERT INTO result VALUES ({', '.join('?' * 17)})"


def _put_cell(db: sqlite3.Connection, number: int, cell: CellRow) -> None:
    values = (
        *(cell.night, number, cell.name, json.dumps(dict(cell.axes)), cell.state, cell.used_s),
        *(cell.attempts, cell.planned, cell.message, cell.stack_hash),
        *(json.dumps(dict(cell.versions)), cell.covered, cell.reachable),
    )
    db.execute(f"INSERT OR REPLACE INTO cell VALUES ({', '.join('?' * 13)})", values)


def _cell(row: sqlite3.Row) -> CellRow:
    values = _values(row)
    del values["number"]
    values["axes"] = json.loads(values["axes"])
    values["versions"] = json.loads(values["versions"])
    return CellRow(**values)


def _result_values(one: ResultRow) -> tuple[object, ...]:
    return (
        *(one.night, one.cell, one.test, one.outcome, one.phase, one.duration_s, one.start_s),
        *(one.worker, one.verdict, one.text, one.folder, one.timeline, one.again, one.kind),
        *(one.why, json.dumps(list(one.reruns)), one.quarantine),
    )


def _result(row: sqlite3.Row) -> ResultRow:
    values = _values(row)
    values["reruns"] = tuple(json.loads(values["reruns"]))
    return ResultRow(**values)


def _values(row: Mapping[str, Any] | sqlite3.Row) -> dict[str, Any]:
    return {key: row[key] for key in row.keys()}  # noqa: SIM118 - iterating a row gives values
