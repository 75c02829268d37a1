# SPDX-License-Identifier: BSD-3-Clause
"""Several sessions at once in one checkout, on one cache and one folder for runs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness.errors import ProvisionError
from harness.stack import build_stack, load_stack

pytestmark = [pytest.mark.qemu, pytest.mark.slow]

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 300.0


def begin(runs: Path, *arguments: str) -> subprocess.Popen[str]:
    """Start pytest in the checkout as anybody would."""
    options = ("-q", "-p", "no:cacheprovider", "--runs", str(runs))
    return subprocess.Popen(
        [sys.executable, "-m", "pytest", *options, *arguments],
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
    )


def test_sessions_do_not_disturb_each_other(tmp_path: Path) -> None:
    try:
        build_stack(load_stack("embedded"))
    except ProvisionError as problem:
        pytest.skip(str(problem))
    version = "testcases/boot/test_boot_version.py"
    sessions = [
        begin(tmp_path, version),
        begin(tmp_path, version, "-n", "2"),
        begin(tmp_path, "testcases/granules/test_granule_delegate.py", "--link", "serial"),
    ]
    ended = [
        (session.communicate(timeout=PATIENCE_S)[0], session.returncode) for session in sessions
    ]
    for output, status in ended:
        assert status == 0, output
        assert " passed" in output, output
    folders = [path for path in tmp_path.iterdir() if not path.is_symlink()]
    assert len(folders) == len(sessions)
    assert (tmp_path / "latest").resolve() in folders
    for folder in folders:
        assert json.loads((folder / "run.json").read_text())["stack"] == "embedded"
        assert list(folder.glob("machines/*/boot-1/ns.log"))
        assert not list(folder.glob("*/failure.json"))
