# SPDX-License-Identifier: BSD-3-Clause
"""Every scenario is covered by a test or has a reason; no test names one that does not exist."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness.model.scenarios import CASES, PAIRS
from harness.plugin.scenarios import catalogue, named_in
from harness.tests.collected_scenarios import VARIABLE

ROOT = Path(__file__).resolve().parents[2]
COLLECT = ["-m", "pytest", "--collect-only", "-q", "-p", "harness.tests.collected_scenarios"]


@pytest.fixture(scope="module")
def named(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """Scenario ids by test, of all test cases as pytest collects them."""
    file = tmp_path_factory.mktemp("scenarios") / "named.json"
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")}
    done = subprocess.run(
        [sys.executable, *COLLECT, "testcases"],
        cwd=ROOT,
        env=environment | {VARIABLE: str(file)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    found: dict[str, list[str]] = json.loads(file.read_text(encoding="utf-8"))
    return found


def test_every_scenario_has_a_test_or_a_reason(named: dict[str, list[str]]) -> None:
    covered = {name for names in named.values() for name in names}
    lacking = [s for s in catalogue().scenarios.values() if not s.without and s.id not in covered]
    assert not lacking, "\n".join(f"{s.id}: {s.text}" for s in lacking)


def test_no_scenario_with_a_reason_has_a_test(named: dict[str, list[str]]) -> None:
    reasons = {s.id: s.without for s in catalogue().scenarios.values() if s.without}
    wrong = [f"{test}: {n}" for test, names in named.items() for n in names if n in reasons]
    assert not wrong, "take the reason away from scenarios.toml:\n" + "\n".join(wrong)


def test_no_test_names_an_unknown_scenario(named: dict[str, list[str]]) -> None:
    known = catalogue().scenarios
    wrong = [f"{test}: {n}" for test, names in named.items() for n in names if n not in known]
    assert not wrong, "\n".join(wrong)


def test_every_row_exists() -> None:
    rows = {case.id for case in CASES} | {pair.id for pair in PAIRS}
    wanted = {row for scenario in catalogue().scenarios.values() for row in scenario.rows}
    assert wanted <= rows, wanted - rows


def test_reasons_are_those_in_use() -> None:
    used = {s.without for s in catalogue().scenarios.values() if s.without}
    assert used == set(catalogue().reasons)


def test_rows_and_reasons_exclude_each_other() -> None:
    both = [s.id for s in catalogue().scenarios.values() if s.rows and s.without]
    assert not both


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("of a granule (GDEL-04).", ["GDEL-04"]),
        ("RDA-01..03", ["RDA-01", "RDA-02", "RDA-03"]),
        ("RDA-01..RDA-02, PSCI-07", ["RDA-01", "RDA-02", "PSCI-07"]),
        ("SHA-256 and GRAN-1", []),
    ],
)
def test_ids_in_a_text(text: str, ids: list[str]) -> None:
    assert list(named_in(text)) == ids
