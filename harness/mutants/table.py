# SPDX-License-Identifier: BSD-3-Clause
"""``testcases/mutants/README.md``: the faults and the first test that caught each."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from harness.mutants.patches import Fault

_ROW = re.compile(r"^\| \[([\w-]+)\]\(\S+\) \| .* \| `([^`]+)` \|$", re.MULTILINE)

_HEAD = """\
# Planted faults

Each patch puts one fault into the in-tree RMM; the test cases must notice. `scripts/mutants` plants
them one by one in a copy, builds, and runs tests until one fails: first the one of this table, then
those about the patched source, then all others. A test counts if it fails again when it is asked
alone and passes without the fault. `scripts/mutants --record` writes this table.

| Fault | What is wrong | First test that caught it |
|---|---|---|
"""


def read_table(path: Path) -> dict[str, str]:
    """Fault to test, as the table has it; empty without a table."""
    return dict(_ROW.findall(path.read_text(encoding="utf-8"))) if path.is_file() else {}


def render_table(faults: Sequence[Fault], caught_by: Mapping[str, str]) -> str:
    """The page for these faults; one that nothing has caught yet says so."""
    rows = [
        f"| [{fault.name}]({fault.patch.name}) | {fault.concern} | {_test(fault, caught_by)} |\n"
        for fault in faults
    ]
    return _HEAD + "".join(rows)


def _test(fault: Fault, caught_by: Mapping[str, str]) -> str:
    return f"`{caught_by[fault.name]}`" if fault.name in caught_by else "none yet"
