# SPDX-License-Identifier: BSD-3-Clause
"""``cca nightly``: run a matrix of cells, keep its history, write its report."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from harness.cli.main import count
from harness.errors import HarnessError

if TYPE_CHECKING:
    from harness.nightly.config import NightConfig
    from harness.nightly.history import History

HELP = "run the matrix of a file, resume it, write the report (ci/nightly calls this)"
_CHECKOUT = Path(__file__).resolve().parents[2]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the subcommand's options."""
    parser.add_argument(
        "--config",
        type=Path,
        default=_CHECKOUT / "ci" / "nightly.toml",
        metavar="FILE",
        help="matrix and budgets (default: ci/nightly.toml)",
    )
    parser.add_argument(
        "--resume",
        action="store_true",
        help="go on with a night that was interrupted; without one, begin a new one",
    )
    parser.add_argument(
        "--budget-min",
        type=count,
        metavar="N",
        help="minutes for the whole night, in place of the file's",
    )
    parser.add_argument(
        "--publish",
        type=Path,
        metavar="DIR",
        help="afterwards make DIR a copy of the night's folder, for a CI to keep",
    )
    doing = parser.add_mutually_exclusive_group()
    doing.add_argument("--check", action="store_true", help="check the files, list the cells")
    doing.add_argument(
        "--report", metavar="NIGHT", help="write the report of a night again, run nothing"
    )


def run(args: argparse.Namespace) -> int:
    """Run a night: 0 if nothing failed that counts, 1 if something did, 2 on an error.

    The working directory becomes the checkout: paths in the matrix are relative to it.
    """
    from harness.nightly.config import load_config
    from harness.nightly.history import History
    from harness.nightly.night import HISTORY, Night

    args.config = args.config.absolute()
    args.publish = args.publish.absolute() if args.publish else None
    os.chdir(_CHECKOUT)
    config = load_config(args.config)
    if args.budget_min:
        config = replace(config, budget_s=60.0 * args.budget_min)
    if args.check:
        return _check(config)
    history = History(config.folder / HISTORY)
    try:
        if args.report:
            return _report(config, history, args.report, args.publish)
        signal.signal(signal.SIGTERM, _interrupt)
        # Ignored in what a script starts with "&", and so in pytest, which it has to interrupt.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        _missing_reports(config, history)
        from harness.cli.regress import prepare

        night = Night(config, history, _CHECKOUT, prepare, _say).run(resume=args.resume)
        return _report(config, history, night.id, args.publish)
    finally:
        history.close()


def _check(config: NightConfig) -> int:
    from datetime import date

    from harness.nightly.places import missing
    from harness.nightly.quarantine import load_quarantine

    for cell in config.cells:
        words = [f"--stack {cell.stack}", *(f"--set {s}" for s in cell.settings), *cell.arguments]
        print(f"{cell.name:40} {cell.budget_s / 60:4g} min  {' '.join(words)}")
    complaints = [
        *missing(config, _CHECKOUT),
        *load_quarantine(config.quarantine, date.today()).complaints(),
    ]
    for line in complaints:
        print(f"error: {line}", file=sys.stderr)
    return 2 if complaints else 0


def _report(config: NightConfig, history: History, name: str, target: Path | None) -> int:
    from harness.nightly.tidy import publish
    from harness.report import write_reports

    summary = write_reports(config, history, name, _CHECKOUT)
    print(summary.text)
    if target:
        publish(config.folder / name, target)
    return summary.status


def _missing_reports(config: NightConfig, history: History) -> None:
    """Write the report of a night that was killed after its last cell and before its report."""
    from harness.nightly.locks import locked
    from harness.nightly.tidy import unreported
    from harness.report import write_reports

    with locked(config.folder):
        for name in unreported(config.folder, history):
            try:
                write_reports(config, history, name, _CHECKOUT)
                _say(f"wrote the report of night {name}")
            except HarnessError as error:
                _say(f"night {name}: error: {error}")


def _say(line: str) -> None:
    print(f"nightly: {line}", flush=True)


def _interrupt(_number: int, _frame: object) -> NoReturn:
    """SIGTERM is what CI sends: end the machines, keep the night for --resume."""
    raise KeyboardInterrupt
