# SPDX-License-Identifier: BSD-3-Clause
"""What ``scripts/regress`` runs once there is a Python environment.

Installs missing packages, builds the stack, then becomes ``pytest testcases`` with all
further arguments. A second run finds everything there and gets to pytest at once.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from harness.cli.main import add_stack_arguments, guarded
from harness.errors import StackError
from harness.stack import Stack

CHECKOUT = Path(__file__).resolve().parents[2]
_OWN_WORKERS = ("-n", "--numprocesses", "--pdb", "--trace", "--collect-only", "--co", "no:xdist")
_INPUTS = ("--stack", "--set", "--linux-stack", "--lab")
_OUTPUTS = ("--runs", "--recordings", "--junitxml", "--junit-xml")
_VALUE_OPTIONS = (*_INPUTS, *_OUTPUTS, "--link")


def main(argv: Sequence[str] | None = None) -> int:
    """Set up, then replace this process by pytest. Returns only on an error."""
    words = list(sys.argv[1:] if argv is None else argv)
    return guarded(lambda: regress(words), "regress")


def regress(words: Sequence[str]) -> int:
    """Set up and run the test cases. Raises HarnessError."""
    prepare(words)
    rebased = absolute_files(join_values(words))
    command = pytest_command(rebased, "testcases")
    os.chdir(CHECKOUT)
    sys.stdout.flush()
    os.execv(command[0], command)


def prepare(words: Sequence[str]) -> int:
    """Install what the stack of these arguments lacks and build it; 0. Raises HarnessError."""
    from harness.cli.show import make_progress
    from harness.provision.install import install_missing
    from harness.stack import Cache, build_stack, load_stack
    from harness.stack.needs import stack_needs

    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    add_stack_arguments(parser)
    parser.add_argument("--linux-stack", default=None)
    args, _ = parser.parse_known_args(words)
    if {"-h", "--help", "--version"} & set(words):
        return 0
    stack = load_stack(args.stack, args.overrides)
    cache = Cache()
    with make_progress() as progress:
        for needed in (stack, *_beside(stack, args)):
            install_missing(stack_needs(needed), cache.root / "apt", progress)
            build_stack(needed, cache, progress)
    return 0


def _beside(stack: Stack, args: argparse.Namespace) -> list[Stack]:
    """The stack of Linux hosts, where that is another one."""
    from harness.stack.companion import host_stack

    try:
        hosts = host_stack(stack, args.stack, args.overrides, args.linux_stack)
    except StackError:
        if args.linux_stack is not None:
            raise
        return []
    return [] if hosts is stack else [hosts]


def pytest_command(words: Sequence[str], default_path: str) -> list[str]:
    """Return pytest's command line: workers where none are asked for, a path where none is given.

    The path goes in as a setting, so that pytest itself finds out whether there is another.
    """
    command = [sys.executable, "-m", "pytest", "-o", f"testpaths={default_path}"]
    if not any(word.startswith(_OWN_WORKERS) for word in words):
        command += ["-n", "auto", "--dist", "worksteal"]
    return [*command, *words]


def join_values(words: Sequence[str]) -> list[str]:
    """Write ``--runs DIR`` as ``--runs=DIR``, and so on.

    pytest looks for its configuration before it knows our options: a value that is the name
    of a file or folder would pass for the tests to run, and their folder for the project.
    """
    joined: list[str] = []
    for word in words:
        if joined and joined[-1] in _VALUE_OPTIONS:
            joined[-1] += f"={word}"
        else:
            joined.append(word)
    return joined


def absolute_files(words: Sequence[str]) -> list[str]:
    """Make the names of files and tests absolute: pytest runs in the checkout."""
    if Path.cwd() == CHECKOUT:
        return list(words)
    return [_absolute(word, before) for before, word in zip(["", *words], words, strict=False)]


def _absolute(word: str, before: str) -> str:
    """Make a result's place absolute, and what is read if it is there."""
    option, _, rest = word.partition("=")
    if option in _OUTPUTS:
        return f"{option}={Path(rest).absolute()}"
    if option in _INPUTS:
        head, _, file = word.rpartition("=")
        return f"{head}={Path(file).absolute()}" if Path(file).is_file() else word
    path, *names = word.split("::")
    is_test = not word.startswith("-") and ("/" in word or ".py" in word or before[:1] != "-")
    if is_test and Path(path).exists():
        return "::".join([str(Path(path).absolute()), *names])
    return word


if __name__ == "__main__":
    sys.exit(main())
