# SPDX-License-Identifier: BSD-3-Clause
"""The page made from the ABI tables: complete, unbroken, and committed as it is made."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from harness.abi import tables
from harness.abi.reference import render
from harness.cli import main, reference


@pytest.fixture(scope="module")
def page() -> str:
    return render()


def test_committed_page_is_up_to_date() -> None:
    assert main.main(["reference", "--check"]) == 0


def test_everything_of_the_tables_is_there(page: str) -> None:
    known = tables()
    headings = set(re.findall(r"^### (.+)$", page, re.MULTILINE))
    assert headings >= {*known.commands, *known.structs, *known.bitfields, *known.enums}
    for command in known.commands.values():
        section = page.split(f"\n### {command.name}\n")[1].split("\n### ")[0]
        assert f"`{command.fid:#x}`" in section
        at = [section.index(f"| `{c.id}` | {c.status}") for c in command.failures]
        assert at == sorted(at)


def test_tables_have_as_many_cells_in_every_line(page: str) -> None:
    cells = re.compile(r"(?<!\\)\|")
    for block in re.findall(r"(?:^\|.*\n)+", page, re.MULTILINE):
        counts = {len(cells.findall(line)) for line in block.splitlines()}
        assert len(counts) == 1, block


def test_links_lead_somewhere(page: str) -> None:
    headings = {text.lower() for text in re.findall(r"^### (.+)$", page, re.MULTILINE)}
    assert set(re.findall(r"\]\(#([^)]+)\)", page)) <= headings


def test_page_that_differs_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "page.md"
    file.write_text("old")
    assert main.main(["reference", "--check", "--output", str(file)]) == 1
    assert "run `cca reference`" in capsys.readouterr().err
    assert main.main(["reference", "--output", str(file)]) == 0
    assert file.read_text() == reference.PAGE.read_text()
