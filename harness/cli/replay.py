# SPDX-License-Identifier: BSD-3-Clause
"""``cca replay``: play a script of calls on a stack and say where it parts from the model."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from harness.cli.main import add_stack_arguments
from harness.errors import HarnessError

HELP = "play a script of RMI calls on a stack, each answer compared with the model's"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the subcommand's options."""
    add_stack_arguments(parser)
    parser.add_argument("script", type=Path, metavar="SCRIPT", help="as a random test saved it")
    parser.add_argument(
        "--reduce", action="store_true", help="if it fails, print a shorter script that does too"
    )


def run(args: argparse.Namespace) -> int:
    """Play; status 0 if model and stack agree all along, 1 if they part."""
    from harness.cli.bootable import put_chosen
    from harness.cli.show import make_progress
    from harness.oracle import Machines, reduce
    from harness.oracle.script import ScriptError, numbered

    text = _read(args.script)
    with make_progress() as progress:
        chosen = put_chosen(args, progress)
    with (
        tempfile.TemporaryDirectory(prefix="cca-replay-") as folder,
        Machines(chosen.built, Path(folder), chosen.tap) as machines,
    ):
        game = machines.game
        try:
            failure = game.play(text)
        except ScriptError as problem:
            raise ScriptError(f"{args.script}: {problem.message}", hint=problem.hint) from None
        if failure is not None and args.reduce:
            failure = reduce(failure, lambda lines: game.play(numbered(list(lines))))
    if failure is None:
        print(f"{chosen.built.name} and the model agree in all {game.steps} steps")
        return 0
    print(f"{chosen.built.name} and the model part:\n{failure.text}", end="")
    return 1


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as problem:
        raise HarnessError(f"{path} cannot be read: {problem.strerror}") from None
    except UnicodeDecodeError:
        raise HarnessError(f"{path} cannot be read: it is not text") from None
