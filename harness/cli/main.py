# SPDX-License-Identifier: BSD-3-Clause
"""The command ``cca``: one module per subcommand.

A subcommand is a module with ``HELP`` (one line), ``add_arguments(parser)`` and
``run(args) -> int`` (the exit status). Add its name to ``COMMANDS`` and it is there. Only the
module of the subcommand that was asked for does its heavy imports, inside ``run``.
"""

from __future__ import annotations

import argparse
import errno
import importlib
import io
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol, cast

from harness import __version__
from harness.errors import HarnessError

COMMANDS = (
    "doctor",
    "build",
    "stacks",
    "boot",
    "trace",
    "judge",
    "bench",
    "nightly",
    "mutants",
    "bisect",
    "reference",
    "replay",
    "random",
)
EXIT_ERROR = 2


class Command(Protocol):
    """What the module of a subcommand offers."""

    HELP: str

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the subcommand's options."""

    def run(self, args: argparse.Namespace) -> int:
        """Do it; return the exit status. May raise HarnessError."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run ``cca`` with these arguments (default: the process's); return the exit status."""
    args, unknown = make_parser().parse_known_args(argv)
    if unknown:  # by itself argparse would show the usage of cca, not of the subcommand
        args.command_parser.error(f"unrecognized arguments: {' '.join(unknown)}")
    command: Command = args.command_module
    return guarded(lambda: command.run(args), "cca")


def make_parser() -> argparse.ArgumentParser:
    """Build the parser with all subcommands."""
    parser = argparse.ArgumentParser(prog="cca", description="Build, check and run CCA stacks.")
    parser.add_argument("--version", action="version", version=f"cca-harness {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for name in COMMANDS:
        module = cast("Command", importlib.import_module(f"harness.cli.{name}"))
        sub = commands.add_parser(name, help=module.HELP, description=module.HELP)
        sub.set_defaults(command_module=module, command_parser=sub)
        module.add_arguments(sub)
    return parser


def add_stack_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare --stack and --set, the same for every subcommand and for pytest."""
    parser.add_argument(
        "--stack",
        default="embedded",
        help="a shipped stack's name or a TOML file (default: embedded)",
    )
    parser.add_argument(
        "--set",
        dest="overrides",
        action="append",
        default=[],
        metavar="COMPONENT.KEY=VALUE",
        help="change one key of the stack, such as rmm.image=FILE; may be repeated",
    )


def results_file(text: str) -> Path:
    """Argument type: a file to be written when all is done; a wrong place is refused at once."""
    path = Path(text)
    why = ""
    if path.is_dir():
        why = "it is a folder"
    elif not path.parent.is_dir():
        why = f"there is no folder {path.parent}"
    elif not os.access(path if path.exists() else path.parent, os.W_OK):
        why = os.strerror(errno.EACCES)
    if why:
        raise argparse.ArgumentTypeError(f"{text} cannot be written: {why}")
    return path


def write_results(path: Path, text: str) -> None:
    """Write such a file. Raises HarnessError."""
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as problem:
        raise HarnessError(f"{path} cannot be written: {problem.strerror}") from problem


def count(text: str) -> int:
    """Argument type: a number above 0."""
    if not text.isdigit() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text} is not a number above 0")
    return int(text)


def guarded(action: Callable[[], int], program: str) -> int:
    """Call ``action``; an error that we raise on purpose is printed as text, not as a trace.

    What the locale's encoding does not have is printed as ``?``.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
    try:
        return action()
    except HarnessError as error:
        print(f"{program}: error: {error}", file=sys.stderr)
        return EXIT_ERROR
    except KeyboardInterrupt:
        print(f"{program}: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141


if __name__ == "__main__":
    sys.exit(main())
