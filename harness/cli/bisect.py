# SPDX-License-Identifier: BSD-3-Clause
"""``cca bisect``: which revision of a component made a test fail."""

from __future__ import annotations

import argparse
import signal
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from harness.artifacts import default_root, write_json
from harness.cli.main import add_stack_arguments, count
from harness.cli.regress import absolute_files

if TYPE_CHECKING:
    from harness.bisect import FileList, GitHistory, Revision, Source
    from harness.stack.spec import Component

HELP = "find the first bad revision of a component: a git history, or a list of prebuilt files"

_EXIT_SEVERAL = 1
_EXAMPLE = "cca bisect --component rmm --good v1.2 --bad HEAD -k test_name"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the subcommand's options."""
    add_stack_arguments(parser)
    parser.epilog = f"Example: {_EXAMPLE}. The same command again goes on where one was stopped."
    parser.add_argument("--component", required=True, metavar="NAME", help="such as rmm or host")
    parser.add_argument("--good", metavar="REV", help="passes (with --files: default the first)")
    parser.add_argument("--bad", metavar="REV", help="fails (with --files: default the last)")
    parser.add_argument(
        "--source",
        type=Path,
        metavar="DIR",
        help="source tree in a git repository (default: where the stack has it)",
    )
    parser.add_argument(
        "--files", nargs="+", type=Path, metavar="IMAGE", help="prebuilt images, the oldest first"
    )
    parser.add_argument("-k", dest="expression", metavar="TEST", help="which tests, as for pytest")
    parser.add_argument("-n", dest="workers", type=int, default=0, help="workers (default: none)")
    parser.add_argument("--repeat", type=count, default=1, help="runs that a good one must pass")
    parser.add_argument(
        "--timeout", type=count, default=1800, metavar="S", help="longest run (default: 1800 s)"
    )
    parser.add_argument(
        "--boot-is-test", action="store_true", help="a stack that does not boot is bad"
    )
    parser.add_argument("--afresh", action="store_true", help="forget what was found out before")
    parser.add_argument(
        "tests", nargs="*", help="test files or ids (default: testcases); after -- words for pytest"
    )


def run(args: argparse.Namespace) -> int:
    """Search and report; 0 if one revision was found, 1 if several are left."""
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # ends pytest as well
    try:
        return _run(args)
    except KeyboardInterrupt:
        print("\nstopped; the same command goes on from here", file=sys.stderr)
        return 130
    finally:
        signal.signal(signal.SIGTERM, before)


def _run(args: argparse.Namespace) -> int:
    from harness import bisect
    from harness.bisect.journal import locked
    from harness.stack import load_stack
    from harness.stack.hashing import digest

    chosen = load_stack(args.stack, args.overrides)
    component = bisect.component_of(chosen, args.component)
    series, tree = _series(args, component)
    good, bad = _ends(args, series)
    series.require_order(good, bad)
    settings = bisect.TrialSettings(
        component=args.component,
        words=_words(args),
        timeout_s=args.timeout,
        repeat=args.repeat,
        boot_is_test=args.boot_is_test,
    )
    question = bisect.ask(series, (good, bad), settings, chosen, tree)
    folder = default_root() / "bisect" / f"{args.component}-{digest(question)[:12]}"
    with ExitStack() as stack:
        stack.enter_context(locked(folder))
        if args.afresh:
            (folder / "journal.json").unlink(missing_ok=True)
        journal = bisect.Journal(folder, question)
        if len(journal):
            print(f"going on: {len(journal)} revisions are known ({folder})", flush=True)
        source = _source(stack, component, series, tree, folder)
        trial = bisect.Trial(source, settings, journal, folder)
        search = bisect.Search(series, trial, journal, lambda line: print(line, flush=True))
        found = search.run(good, bad)
    text = bisect.report_text(found, series)
    (folder / "report.txt").write_text(text + "\n", encoding="utf-8")
    write_json(
        folder / "report.json",
        {
            **question,
            "first_bad": found.first_bad.key if found.first_bad else None,
            "suspects": [revision.key for revision in found.suspects],
            "test": found.tried.test,
            "folder": found.tried.folder,
        },
    )
    print(f"\n{text}\nreport:    {folder / 'report.txt'}")
    return 0 if found.first_bad is not None else _EXIT_SEVERAL


def _series(
    args: argparse.Namespace, component: Component
) -> tuple[GitHistory | FileList, Path | None]:
    """What is bisected, and the source tree if it is a history. Raises BisectError."""
    from harness import bisect
    from harness.bisect.sources import default_tree

    if args.files:
        if args.source:
            raise bisect.BisectError("--source and --files exclude each other")
        if "image" not in component.outputs:
            raise bisect.BisectError(
                f"[{component.name}] is not one image, which --files lists", hint="use --source"
            )
        return bisect.FileList(args.files), None
    if args.good is None or args.bad is None:
        raise bisect.BisectError("--good and --bad are needed", hint=_EXAMPLE)
    tree = (args.source or default_tree(component)).expanduser().absolute()
    return bisect.GitHistory(tree), tree


def _ends(args: argparse.Namespace, series: GitHistory | FileList) -> tuple[Revision, Revision]:
    from harness.bisect import FileList

    if isinstance(series, FileList):
        return series.resolve(args.good, 0), series.resolve(args.bad, -1)
    return series.resolve(args.good), series.resolve(args.bad)


def _source(
    stack: ExitStack,
    component: Component,
    series: GitHistory | FileList,
    tree: Path | None,
    folder: Path,
) -> Source:
    from harness.bisect import FileList, GitSource, Worktree
    from harness.stack import Cache, Progress

    if isinstance(series, FileList) or tree is None:
        assert isinstance(series, FileList)
        return series
    worktree = stack.enter_context(Worktree.at(series, folder / "worktree"))
    return GitSource(component, tree, worktree, Cache(), Progress())


def _words(args: argparse.Namespace) -> list[str]:
    """What pytest gets besides the component's files; results of other runs must not mix in."""
    words = ["--stack", args.stack] if args.stack != "embedded" else []
    words += [f"--set={override}" for override in args.overrides]
    words += ["-q", "-n", str(args.workers)]
    if args.expression:
        words += ["-k", args.expression]
    return absolute_files([*words, *(args.tests or ["testcases"])])
