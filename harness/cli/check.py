# SPDX-License-Identifier: BSD-3-Clause
"""What ``scripts/check`` runs: linters, types, self tests, test cases; all of them, always.

Further arguments go to pytest for the test cases.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence

from harness.cli.main import guarded
from harness.cli.regress import CHECKOUT, join_values, prepare, pytest_command
from harness.errors import HarnessError, ProvisionError

_USAGE = """\
usage: scripts/check [pytest arguments for the test cases]

Runs every linter, type check, self test and test case. `scripts/regress --help` lists the
arguments."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run every check; return 1 if any failed."""
    words = list(sys.argv[1:] if argv is None else argv)
    if {"-h", "--help"} & set(words):
        print(_USAGE)
        return 0
    os.chdir(CHECKOUT)
    return guarded(lambda: check(words), "check")


def check(words: Sequence[str]) -> int:
    """Run every check. Raises HarnessError if the stack cannot be had."""
    failed = [name for name, command in quick_checks() if not run_step(name, command)]
    try:
        prepare(words)
    except HarnessError:
        print("check: the stack is not ready, so the tests were not run", file=sys.stderr)
        raise
    prepare_tools()
    steps = [
        ("self tests", pytest_command([], "harness/tests")),
        ("test cases", pytest_command(join_values(words), "testcases")),
    ]
    failed += [name for name, command in steps if not run_step(name, command)]
    print(f"check: {'FAILED: ' + ', '.join(failed) if failed else 'all passed'}")
    return 1 if failed else 0


def prepare_tools() -> None:
    """Install what only self tests need: without it some are skipped, and say so.

    Only the checks need it: whoever runs the regression does without.
    """
    from harness.cli.show import make_progress
    from harness.provision.install import install_missing
    from harness.provision.requirements import FOR_CHECKS
    from harness.stack import Cache

    try:
        with make_progress() as progress:
            install_missing(FOR_CHECKS, Cache().root / "apt", progress)
    except ProvisionError as problem:
        print(
            f"check: tests that need more than this machine has are skipped: {problem}",
            file=sys.stderr,
        )


def quick_checks() -> list[tuple[str, list[str]]]:
    """Return the checks that need no stack."""
    python = [sys.executable, "-m"]
    return [
        ("ruff check", [*python, "ruff", "check", "."]),
        ("ruff format", [*python, "ruff", "format", "--check", "."]),
        ("mypy", [*python, "mypy"]),
    ]


def run_step(name: str, command: Sequence[str]) -> bool:
    """Run one check with its output as it comes; tell whether it passed."""
    print(f"check: {name}", flush=True)
    start = time.monotonic()
    passed = subprocess.run(command, check=False, stdin=subprocess.DEVNULL).returncode == 0
    outcome = "passed" if passed else "FAILED"
    print(f"check: {name}: {outcome}, {time.monotonic() - start:.1f} s", flush=True)
    return passed


if __name__ == "__main__":
    sys.exit(main())
