# SPDX-License-Identifier: BSD-3-Clause
"""The same tests give the same results, one report and one coverage, whatever -n and the order."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness.errors import ProvisionError
from harness.results import FILE_VARIABLE, read
from harness.stack import build_stack, load_stack

pytestmark = [pytest.mark.qemu, pytest.mark.slow]

ROOT = Path(__file__).resolve().parents[2]
TESTS = (
    "testcases/boot/test_boot_version.py",
    "testcases/granules/test_granule_delegate.py",
    "testcases/rsi/test_rsi_realm_config.py",
)
PATIENCE_S = 300.0
WAYS = {
    "one process": ("-n", "0"),
    "two workers": ("-n", "2", "--dist", "worksteal"),
    "shuffled": ("-n", "2", "--random-order", "--random-order-seed=7"),
}


def outcomes(folder: Path, *words: str) -> tuple[dict[str, str], object, set[str]]:
    """Outcomes by test, the coverage, and the workers of one run."""
    folder.mkdir()
    inherited = {n: v for n, v in os.environ.items() if not n.startswith(("PYTEST_", "CCA_R"))}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *words, *TESTS]
    done = subprocess.run(
        [*command, f"--runs={folder / 'runs'}"],
        cwd=ROOT,
        env=inherited | {FILE_VARIABLE: str(folder / "results.jsonl")},
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    [run] = (path for path in (folder / "runs").iterdir() if not path.is_symlink())
    covered = json.loads((run / "coverage.json").read_text())
    for cell in covered["cells"]:
        cell["tests"].sort()
    results = read([folder / "results.jsonl"]).results()
    workers = {result.decided_by.worker for result in results.values()}
    return {test: result.outcome for test, result in results.items()}, covered, workers


def test_results_do_not_depend_on_workers_or_order(tmp_path: Path) -> None:
    try:
        build_stack(load_stack("embedded"))
    except ProvisionError as problem:
        pytest.skip(str(problem))
    alone, *others = [outcomes(tmp_path / name, *words) for name, words in WAYS.items()]
    assert len(alone[0]) > 60
    for other in others:
        assert other[0] == alone[0]
        assert other[1] == alone[1]
        assert other[2] == {"gw0", "gw1"}
