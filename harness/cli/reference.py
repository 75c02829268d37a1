# SPDX-License-Identifier: BSD-3-Clause
"""``cca reference``: the page of all commands, failures and structures, from the ABI tables."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from harness.cli.main import results_file, write_results
from harness.cli.regress import CHECKOUT

HELP = "write docs/abi-reference.md from the ABI tables, or check that it is up to date"
PAGE = CHECKOUT / "docs" / "abi-reference.md"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the subcommand's options."""
    parser.add_argument(
        "--output", type=results_file, default=PAGE, metavar="FILE", help="write there instead"
    )
    parser.add_argument("--check", action="store_true", help="write nothing; 1 if it differs")


def run(args: argparse.Namespace) -> int:
    """Write the page or compare with it."""
    from harness.abi.reference import render

    text, file = render(), Path(args.output)
    if not args.check:
        write_results(file, text)
        return 0
    if file.is_file() and file.read_text(encoding="utf-8") == text:
        return 0
    print(f"{file} is not what the ABI tables say: run `cca reference`", file=sys.stderr)
    return 1
