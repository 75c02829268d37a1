# SPDX-License-Identifier: BSD-3-Clause
"""``cca judge``: a recording of the tap against the model and the rules, without QEMU.

``--json`` prints one object; its ``format`` grows with any change that a reader would notice.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.tap import Header
    from harness.tap.rules import Judge

HELP = "judge a recording of the tap (calls.tap): was every answer right, did the host behave"
FORMAT = 1
_SHOWN = 20


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the subcommand's options."""
    parser.add_argument("file", type=Path, nargs="?", metavar="FILE", help="may be packed (.gz)")
    parser.add_argument(
        "--rules",
        default="host,rmm",
        metavar="NAMES",
        help="host, rmm, or names of rules, separated by commas (default: host,rmm)",
    )
    parser.add_argument("--json", action="store_true", help="print a JSON object")
    parser.add_argument("--list", action="store_true", help="say which rules there are")


def run(args: argparse.Namespace) -> int:
    """Judge; status 1 if a rule was broken."""
    from harness.cli.packed import plain
    from harness.errors import HarnessError
    from harness.tap import Recording
    from harness.tap.rules import RULES, Judge, choose
    from harness.tap.stream import NO_NEWS

    if args.list:
        for rule in RULES:
            print(f"{rule.name:<26} {rule.side:<5} {rule.says}\n{'':<32} [{rule.source}]")
        return 0
    if args.file is None:
        raise HarnessError("which recording?", hint="calls.tap in the folder of a machine")
    with plain(args.file) as path:
        recording = Recording(path, NO_NEWS)
        judge = Judge(recording.header(), choose(args.rules.split(",")))
        for event in recording:
            judge.feed(event)
        judge.end()
        report = _report(args.file, recording.header(), judge)
    print(json.dumps(report, indent=2) if args.json else _text(report, judge))
    return 1 if judge.tally.by_rule else 0


def _report(path: Path, header: Header, judge: Judge) -> dict[str, object]:
    tally = judge.tally
    return {
        "format": FORMAT,
        "file": str(path),
        "stack_hash": header.stack_hash,
        "cpus": header.cpus,
        "events": tally.events,
        "lost": tally.lost,
        "judged": tally.replay.judged,
        "reordered": tally.replay.reordered,
        "unjudged": dict(tally.replay.unjudged),
        "by_rule": dict(tally.by_rule),
        "violations": [
            {
                "rule": violation.rule,
                "side": str(violation.side),
                "source": violation.source,
                "first": violation.first,
                "explanation": violation.explanation,
                "events": [str(event) for event in violation.events],
            }
            for violation in judge.violations
        ],
    }


def _text(report: dict[str, object], judge: Judge) -> str:
    tally = judge.tally
    lines = [str(violation) for violation in judge.violations[:_SHOWN]]
    total = tally.by_rule.total()
    if total > _SHOWN:
        lines.append(f"and {total - _SHOWN} more")
    lines.append(
        f"{report['file']}: {tally.events} events, {tally.replay.judged} answers and exits judged"
    )
    if tally.lost:
        lines.append(f"{tally.lost} records are missing")
    for reason, count in sorted(tally.replay.unjudged.items()):
        lines.append(f"{count} not judged: {reason}")
    for rule, count in sorted(tally.by_rule.items()):
        lines.append(f"{count} violations of {rule}")
    lines += [] if total else ["no violations"]
    return "\n".join(lines)
