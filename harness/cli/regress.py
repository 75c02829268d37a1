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

CHECKOUT = Path(__file__).resolve().parents[2]
BYTES_PER_WORKER = 1 << 30
_OWN_WORKERS = ("-n", "--numprocesses", "--pdb", "--trace", "--collect-only", "--co", "no:xdist")
_FILE_OPTIONS = ("--stack", "--set")


def main(argv: Sequence[str] | None = None) -> int:
    """Set up, then replace this process by pytest. Returns only on an error."""
    words = list(sys.argv[1:] if argv is None else argv)
    return guarded(lambda: regress(words), "regress")


def regress(words: Sequence[str]) -> int:
    """Set up and run the test cases. Raises HarnessError."""
    prepare(words)
    rebased = absolute_files(words)
    os.chdir(CHECKOUT)
    command = pytest_command(rebased, "testcases")
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
    args, _ = parser.parse_known_args(words)
    if {"-h", "--help", "--version"} & set(words):
        return 0
    stack = load_stack(args.stack, args.overrides)
    cache = Cache()
    with make_progress() as progress:
        install_missing(stack_needs(stack), cache.root / "apt", progress)
        build_stack(stack, cache, progress)
    return 0


def pytest_command(words: Sequence[str], default_path: str) -> list[str]:
    """Return pytest's command line: workers where none are asked for, a path where none is given.

    The path goes in as a setting, so that pytest itself finds out whether there is another.
    """
    command = [sys.executable, "-m", "pytest", "-o", f"testpaths={default_path}"]
    if not any(word.startswith(_OWN_WORKERS) for word in words):
        command += ["-n", str(worker_count())]
    return [*command, *words]


def absolute_files(words: Sequence[str]) -> list[str]:
    """Make files that --stack and --set name absolute: pytest runs in the checkout."""
    if Path.cwd() == CHECKOUT:
        return list(words)
    return [
        _absolute(word) if word.startswith(("--stack=", "--set=")) or before in _FILE_OPTIONS
        else word
        for before, word in zip(["", *words], words, strict=False)
    ]  # fmt: skip


def _absolute(word: str) -> str:
    """Make the file after the last "=" absolute where there is such a file."""
    head, equals, file = word.rpartition("=")
    return f"{head}{equals}{Path(file).absolute()}" if file and Path(file).is_file() else word


def worker_count() -> int:
    """Return how many machines to run at once: $CCA_JOBS, or what CPUs and memory allow."""
    if own := os.environ.get("CCA_JOBS"):
        return int(own) if own.isdigit() else 1
    memory_bytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_AVPHYS_PAGES")
    return max(1, min(len(os.sched_getaffinity(0)), memory_bytes // BYTES_PER_WORKER))


if __name__ == "__main__":
    sys.exit(main())
