# SPDX-License-Identifier: BSD-3-Clause
"""``cca mutants``: plant known faults in the RMM one by one; each must make a test fail."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from harness.artifacts import default_root
from harness.cli.main import count, results_file, write_results
from harness.cli.regress import CHECKOUT

if TYPE_CHECKING:
    from harness.mutants import Hunt, Verdict

HELP = "plant faults in the in-tree RMM, run the test cases, say which fault was caught by what"
_PATCHES = CHECKOUT / "testcases" / "mutants"
_TABLE = "README.md"
_TIMEOUT_S = 600.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the subcommand's options."""
    parser.add_argument("names", nargs="*", help="faults to plant (default: all)")
    parser.add_argument(
        "--json", type=results_file, metavar="FILE", help="write the verdicts there"
    )
    parser.add_argument("-n", dest="workers", type=count, default=2, help="workers (default 2)")
    parser.add_argument("--all-failures", action="store_true", help="do not stop at the first")
    parser.add_argument(
        "--afresh", action="store_true", help="do not try the test of the table first"
    )
    parser.add_argument(
        "--record", action="store_true", help=f"write what caught what into {_TABLE} of the faults"
    )
    parser.add_argument(
        "--keep",
        type=Path,
        default=None,
        metavar="DIR",
        help="where the evidence of anything unexpected stays (default: with the run folders)",
    )


def run(args: argparse.Namespace) -> int:
    """Plant, build, run, report; status 1 unless a test caught every fault."""
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # ends pytest as well
    try:
        return _run(args)
    finally:
        signal.signal(signal.SIGTERM, before)


def _run(args: argparse.Namespace) -> int:
    from harness.mutants import load_faults, read_table, snapshot

    faults = load_faults(_PATCHES, args.names)
    known = read_table(_PATCHES / _TABLE)
    stamp = f"{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}"
    root = (args.keep or default_root() / "mutants" / stamp).absolute()
    verdicts: list[Verdict] = []
    with snapshot(CHECKOUT, root) as tree:
        hunt = _hunt(args, tree, root, {} if args.afresh else known)
        for fault in faults:
            verdicts.append(hunt.try_fault(fault))
            print(verdicts[-1].line(), flush=True)
            _write_json(args.json, verdicts)
        verdicts = hunt.check_without_faults(verdicts)
    with contextlib.suppress(OSError):
        root.rmdir()  # nothing unexpected happened
    _write_json(args.json, verdicts)
    if args.record:
        _record(known, verdicts)
    return _summary(verdicts)


def _hunt(args: argparse.Namespace, tree: Path, root: Path, known: dict[str, str]) -> Hunt:
    from harness.mutants import Hunt, PytestRunner, plant

    return Hunt(
        plant=lambda fault, folder: plant(fault, tree, folder),
        runner=PytestRunner(tree, args.workers, _TIMEOUT_S, not args.all_failures),
        folders=sorted({path.parent.name for path in tree.glob("testcases/*/test_*.py")}),
        known=known,
        root=root,
    )


def _write_json(target: Path | None, verdicts: list[Verdict]) -> None:
    if target:
        rows = [verdict.as_json() for verdict in verdicts]
        write_results(target, json.dumps(rows, indent=2) + "\n")


def _record(known: dict[str, str], verdicts: list[Verdict]) -> None:
    """Bring the table up to date; a fault that survived loses its test."""
    from harness.mutants import load_faults, render_table

    caught = {**known, **{verdict.name: verdict.first for verdict in verdicts if verdict.caught}}
    for verdict in verdicts:
        if verdict.state == "survived":
            caught.pop(verdict.name, None)
    text = render_table(load_faults(_PATCHES), caught)
    (_PATCHES / _TABLE).write_text(text, encoding="utf-8")


def _summary(verdicts: list[Verdict]) -> int:
    caught = sum(verdict.caught for verdict in verdicts)
    print(f"{caught} of {len(verdicts)} faults caught")
    for verdict in verdicts:
        if not verdict.caught:
            print(f"{verdict.state}: {verdict.name}: {verdict.concern}")
        if verdict.error:
            print(f"  {verdict.error}".replace("\n", "\n  "))
        for doubt in verdict.doubts:
            print(f"failed only once, with {verdict.name}: {doubt.test}")
        if verdict.evidence:
            print(f"  evidence: {verdict.evidence}")
    return 0 if caught == len(verdicts) else 1
