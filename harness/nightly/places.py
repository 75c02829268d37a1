# SPDX-License-Identifier: BSD-3-Clause
"""What a matrix names and is not there: stacks, paths of tests, the quarantine."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from harness.errors import HarnessError
from harness.nightly.config import NightConfig
from harness.stack import load_stack


def missing(config: NightConfig, checkout: Path) -> Iterator[str]:
    """A line for each; paths of tests are relative to the checkout."""
    for cell in config.cells:
        yield from _stack(f"{config.file}: cell {cell.name}", cell.stack, cell.settings)
        for test in cell.tests:
            path = test.split("::")[0]
            if not (checkout / path).exists():
                yield f"{config.file}: cell {cell.name}: tests: there is no {path}"
    for plan in config.bench:
        yield from _stack(f"{config.file}: [[bench]]", plan.stack, plan.settings)
    if config.quarantine_is_named and not config.quarantine.is_file():
        yield f"{config.file}: [night] quarantine: there is no {config.quarantine}"


def _stack(where: str, stack: str, settings: Sequence[str]) -> Iterator[str]:
    try:
        load_stack(stack, settings)
    except HarnessError as wrong:
        yield f"{where}: {wrong.message}"
