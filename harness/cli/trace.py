# SPDX-License-Identifier: BSD-3-Clause
"""``cca trace``: what a run recorded, as lines, JSON, an HTML page or a Perfetto trace."""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING

from harness.cli.main import count, results_file
from harness.cli.packed import SUFFIX, plain
from harness.errors import HarnessError, results_hint

if TYPE_CHECKING:
    from harness.timeline import Choice, Row, Span

HELP = "show the SMCs that a run recorded: print them, or make a page or a Perfetto trace"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare where to look, what to choose and what to make of it."""
    parser.add_argument(
        "path",
        type=Path,
        nargs="?",
        metavar="RUN|FILE",
        help="a run's folder, that of a failed test (only its calls) or of a machine, or a "
        "recording calls.tap, also packed (.gz) (default: the latest run)",
    )
    parser.add_argument(
        "--only",
        action="append",
        default=[],
        metavar="PATTERN",
        help="commands such as 'RMI_RTT_*', or a family: RMI, RSI, PSCI, RMM; may be repeated",
    )
    parser.add_argument(
        "--realm", metavar="N|ADDRESS", help="calls of and about one realm: its number, RD or REC"
    )
    parser.add_argument(
        "--all",
        dest="echoes",
        action="store_true",
        help="also RMM_RMI_REQ_COMPLETE that hands over what the RMI call returned",
    )
    into = parser.add_mutually_exclusive_group()
    into.add_argument("--json", action="store_true", help="print JSON, one line for each call")
    into.add_argument("--html", type=results_file, metavar="FILE", help="write one page")
    into.add_argument(
        "--perfetto",
        type=results_file,
        metavar="FILE",
        help="write a trace for ui.perfetto.dev or chrome://tracing",
    )
    parser.add_argument(
        "--most",
        type=count,
        metavar="CALLS",
        help="most calls that a page has (default: 150000)",
    )


def run(args: argparse.Namespace) -> int:
    """Find the recordings and show them."""
    from harness.timeline import Choice, find, realm_number

    _require_commands(args.only)
    realm = realm_number(args.realm) if args.realm else None
    choice = Choice(args.only, realm, echoes=args.echoes or args.json)
    path: Path = args.path or _latest()
    with plain(path) as unpacked:
        spans = find(unpacked)
        if unpacked != path:
            spans = [replace(span, title=path.name) for span in spans]
        return _show(spans, choice, args)


def _latest() -> Path:
    """The latest run. Raises HarnessError where there is none."""
    from harness.artifacts import default_root
    from harness.cli.regress import CHECKOUT

    path = default_root() / "latest"
    if not path.exists():
        raise HarnessError(
            f"there is no {path}",
            hint=f"scripts/regress leaves its runs in {CHECKOUT / 'runs'}: name a folder there",
        )
    return path


def _require_commands(patterns: Sequence[str]) -> None:
    """Raise HarnessError for a pattern that no call can have."""
    from harness.abi import tables
    from harness.stack.schema import nearest

    names = [*tables().commands, "RETURN"]
    families = sorted({name.partition("_")[0] for name in tables().commands})
    for pattern in patterns:
        head = re.split(r"[*?[]", pattern)[0]
        # A function id that no table has is shown as SMC_ and its number.
        known = pattern in families or head.startswith("SMC")
        known |= head != pattern and "SMC_".startswith(head)
        if not known and not any(fnmatchcase(name, pattern) for name in names):
            guess = nearest(pattern.upper(), [*families, *names])
            raise HarnessError(
                f"--only {pattern}: no such command or family",
                hint=(f"did you mean {guess}? " if guess else "")
                + f"families: {', '.join(families)}; commands: docs/abi-reference.md",
            )


def _show(spans: list[Span], choice: Choice, args: argparse.Namespace) -> int:
    if args.html or args.perfetto:
        span = _one(spans)
        made = _page(span, choice, args) if args.html else _perfetto(span, choice, args.perfetto)
        print(f"{args.html or args.perfetto}: {made}")
        return 0
    for span in spans:
        _print(span, choice, as_lines=args.json, named=len(spans) > 1)
    return 0


def _one(spans: list[Span]) -> Span:
    if len(spans) == 1:
        return spans[0]
    names = "\n".join(f"  {span.path}" for span in spans)
    raise HarnessError(
        f"there are {len(spans)} recordings:\n{names}",
        hint="name one of them, or the folder of a failed test",
    )


def _named(span: Span, args: argparse.Namespace) -> str:
    """The recording's name for people: the packed file is what stays."""
    packed = args.path is not None and args.path.suffix == SUFFIX
    return str(args.path if packed else span.path)


def _rows(span: Span, choice: Choice) -> Iterator[Row]:
    from harness.timeline import rows

    return (row for row in rows(span) if choice(row))


def _print(span: Span, choice: Choice, *, as_lines: bool, named: bool) -> None:
    from harness.timeline import HEADING, Waiting, as_json, line, mark_text

    start_ns = span.header().monotonic_ns
    if as_lines:
        if named:
            print(json.dumps({"recording": str(span.path)}))
        for row in _rows(span, choice):
            print(json.dumps(as_json(row, start_ns)))
        return
    print(f"{span.title}\n{HEADING}" if named else HEADING)
    marks = Waiting(span.marks)
    for row in _rows(span, choice):
        print(line(row, start_ns))
        for mark in marks.take(row):
            print(mark_text(mark))
    for mark in marks.rest():
        print(mark_text(mark))
    sys.stdout.flush()


def _page(span: Span, choice: Choice, args: argparse.Namespace) -> str:
    from harness.timeline import MOST_ROWS, Choice, write_page

    chosen = Choice(choice.only, choice.realm, echoes=True)
    rows = write_page(
        args.html,
        _rows(span, chosen),
        title=span.title,
        start_ns=span.header().monotonic_ns,
        facts=span.facts | {"recording": _named(span, args)},
        marks=span.marks,
        most_rows=args.most or MOST_ROWS,
    )
    return f"{rows} calls"


def _perfetto(span: Span, choice: Choice, path: Path) -> str:
    from harness.timeline import write_trace

    start_ns = span.header().monotonic_ns
    try:
        with path.open("w", encoding="utf-8") as file:
            events = write_trace(_rows(span, choice), file, start_ns, span.marks)
    except OSError as problem:
        raise HarnessError(
            f"{path} cannot be written: {problem.strerror}", hint=results_hint(problem)
        ) from problem
    return f"{events} events"
