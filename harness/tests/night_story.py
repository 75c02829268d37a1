# SPDX-License-Identifier: BSD-3-Clause
"""Nights that never were, for tests of reports: a matrix, with all that goes wrong."""

from __future__ import annotations

import random
from pathlib import Path

from harness.nightly.history import History
from harness.nightly.night import HISTORY
from harness.nightly.rows import BenchRow, CellRow, NightRow, ResultRow

DAY_S = 86_400.0
FIRST_S = 1_790_000_000.0
CELLS = ("embedded / full", "embedded / serial", "trp / quick", "linux / 4k / full")
TEXT = """testcases/rec/test_rec_enter.py:41: in test_enter
>       assert result == rmi.SUCCESS
E       AssertionError: RMI_REC_ENTER answered RMI_ERROR_REC, wanted RMI_SUCCESS
verdict:   assertion (phase call)
last calls:
  RMI_REC_CREATE(rd=0x800b5000, rec=0x800c4000, params_ptr=0x800c7000) → RMI_SUCCESS
  RMI_REC_ENTER(rec=0x800c4000, …) → RMI_ERROR_REC
last lines of console 'ns':
  | MONITOR READY <&> \x1b[31m
again:     scripts/regress 'testcases/rec/test_rec_enter.py::test_enter'
"""


def make_history(folder: Path, *, nights: int = 3, tests: int = 40, failures: int = 3) -> History:
    """Write a history; in the last night ``failures`` tests of each cell fail newly.

    Test 0 of each cell fails in the last three nights, test 1 is a flake in every third, test 2
    of the last night is a host overload, test 3 a lab fault, test 4 in quarantine; test 5
    failed in the night before only.
    """
    history = History(folder / HISTORY)
    for number in range(nights):
        _night(history, folder, number, nights, tests, failures)
    return history


def night_name(number: int) -> str:
    """The id of a night."""
    return f"202610{number + 1:02}-0100"


def _night(
    history: History, folder: Path, number: int, nights: int, tests: int, failures: int
) -> None:
    name, start_s = night_name(number), FIRST_S + number * DAY_S
    dice = random.Random(number)
    facts = {"commit": f"{number:040x}", "subject": "Mend it", "host": "ci-3", "cpus": 8}
    cells = [_cell(name, cell, tests) for cell in CELLS]
    (folder / name).mkdir(parents=True, exist_ok=True)
    history.begin(NightRow(id=name, started_s=start_s, seed=number, facts=facts), cells)
    for cell in cells:
        rows = [_result(cell, n, number, nights, failures, start_s, dice) for n in range(tests)]
        history.save_cell(cell, rows)
    slow = 1.3 if number >= nights // 2 else 1.0
    history.save_bench(
        [
            BenchRow(
                night=name,
                stack="embedded",
                name=figure,
                unit=unit,
                median=value * factor * dice.uniform(0.98, 1.02),
                samples=(value,),
            )
            for figure, unit, value, factor in (
                ("start of QEMU to first RMI result", "s", 0.31, slow),
                ("RMI calls over the mailbox link", "calls/s", 9000.0, 1.0),
            )
        ]
    )
    history.finish(name, "done")


def _cell(night: str, name: str, tests: int) -> CellRow:
    words = name.split(" / ")
    axes = {"stack": words[0], "profile": words[-1]}
    if len(words) == 3:
        axes["page_size"] = words[1]
    return CellRow(
        night=night,
        name=name,
        axes=axes,
        state="done",
        used_s=1234.0,
        attempts=1,
        planned=tests,
        covered=230,
        reachable=256,
    )


def _result(
    cell: CellRow,
    n: int,
    number: int,
    nights: int,
    failures: int,
    start_s: float,
    dice: random.Random,
) -> ResultRow:
    last = number == nights - 1
    row = {
        "night": cell.night,
        "cell": cell.name,
        "test": f"testcases/area{n % 23}/test_area{n % 23}_things.py::test_behaviour[case-{n}]",
        "outcome": "passed",
        "duration_s": dice.random() ** 6 * 8,
        "start_s": start_s + n,
        "worker": f"gw{n % 4}",
    }
    kind = ""
    if n == 0 and number >= nights - 3:
        kind = "deterministic"
    elif n == 1 and number % 3 == 2:
        kind = "flake"
    elif n in (2, 3, 4) and last:
        kind = ("host overload", "lab fault", "deterministic")[n - 2]
    elif (n == 5 and number == nights - 2) or (last and 6 <= n < 6 + failures):
        kind = "deterministic"
    elif n % 11 == 10:
        row |= {"outcome": "skipped", "text": f"not on this stack: {cell.name} has no realms"}
    if kind:
        row |= {
            "outcome": "failed",
            "phase": "call",
            "verdict": "lab" if kind == "lab fault" else "assertion",
            "text": TEXT,
            "kind": kind,
            "why": "failed again 2 of 2 times, alone",
            "reruns": ("failed", "failed"),
            "folder": f"cells/x/attempt-1/runs/1/test-{n}",
            "timeline": f"cells/x/attempt-1/runs/1/test-{n}/timeline.html",
            "again": "scripts/regress 'testcases/x.py::test'",
            "quarantine": "known to be slow (until 2026-12-01)" if n == 4 else "",
        }
    return ResultRow(**row)  # type: ignore[arg-type]
