# SPDX-License-Identifier: BSD-3-Clause
"""The tables of ``docs/launchers.md`` are those of the code; what they name as a test exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from harness.launch.config import FIELDS
from harness.launch.table import TESTED_BY, option_table, series_table

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "launchers.md"


def part(name: str) -> str:
    found = re.search(rf"<!-- {name} -->\n(.*?)\n?<!-- end -->", PAGE.read_text(), re.DOTALL)
    assert found is not None
    return found[1]


@pytest.mark.parametrize(("name", "made"), [("options", option_table), ("series", series_table)])
def test_table_in_the_page_is_that_of_the_code(name: str, made: object) -> None:
    assert callable(made)
    assert part(name) == made()


def test_every_option_has_a_row() -> None:
    rows = re.findall(r"^\| `(\w+)`", part("options"), re.MULTILINE)
    assert tuple(rows) == FIELDS


def test_every_named_test_exists() -> None:
    files = [*(ROOT / "harness" / "tests").glob("test_launch*.py")]
    files += [*(ROOT / "testcases" / "linux").glob("test_*.py")]
    text = "\n".join(file.read_text() for file in files)
    defined = set(re.findall(r"^def (test_\w+)", text, re.MULTILINE))
    assert set(TESTED_BY.values()) <= defined
