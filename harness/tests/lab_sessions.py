# SPDX-License-Identifier: BSD-3-Clause
"""pytest sessions on a loopback lab, as processes of their own, that ask for mishaps."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from harness.lab.loopback import LoopbackLab
from harness.tests import waiting

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 180.0

TESTS = '''
"""Tests that call the RMM; those of MISHAPS wait, once, for something to happen to their board."""

import json
import os
import time
from pathlib import Path

import pytest

FOLDER = Path(os.environ["CCA_TEST_FOLDER"])
MISHAPS = json.loads(os.environ["CCA_TEST_MISHAPS"])


@pytest.mark.parametrize("number", range(int(os.environ["CCA_TEST_COUNT"])))
def test_calls(ns, machine, number):
    place = machine.lease.place
    mishap = MISHAPS.get(str(number))
    wish = FOLDER / f"{number}.wish"
    if mishap and not wish.exists():
        draft = wish.with_suffix(".draft")
        draft.write_text(json.dumps([mishap, place, os.getpid()]))
        draft.rename(wish)
        until = time.monotonic() + 150
        while time.monotonic() < until:
            ns.link.smc(0xC4000150, 0x10000)
            time.sleep(0.02)
        pytest.fail("nothing happened")
    assert ns.link.smc(0xC4000150, 0x10000)[0] == 0
    with (FOLDER / "passed").open("a") as file:
        file.write(f"{number} {place} {os.environ.get('PYTEST_XDIST_WORKER', 'main')}\\n")
'''


until = partial(waiting.until, within_s=PATIENCE_S)


class LabSession:
    """pytest with ``--lab``, and a token in the environment of all that descends from it."""

    def __init__(
        self,
        folder: Path,
        lab: LoopbackLab,
        *words: str,
        count: int = 8,
        mishaps: dict[int, str] | None = None,
    ) -> None:
        folder.mkdir(parents=True)
        self.folder, self.lab = folder, lab
        self.token = f"CCA_TEST_TOKEN={uuid.uuid4()}"
        self._output = folder / "output.txt"
        self.outcomes_file = folder / "outcomes.jsonl"
        (folder / "test_on_board.py").write_text(TESTS)
        name, _, value = self.token.partition("=")
        own = {
            name: value,
            "CCA_TEST_FOLDER": str(folder),
            "CCA_TEST_COUNT": str(count),
            "CCA_TEST_MISHAPS": json.dumps(mishaps or {}),
            "CCA_RUNS": str(folder / "runs"),
            "CCA_OUTCOMES": str(self.outcomes_file),
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONPATH": str(ROOT),
        }
        others = ("PYTEST_", "LG_", "CCA_RESULTS")
        inherited = {n: v for n, v in os.environ.items() if not n.startswith(others)}
        options = ("-p", "harness.plugin", "-p", "no:cacheprovider", "-p", "no:randomly")
        config = ("-c", str(ROOT / "pyproject.toml"), "--rootdir", str(ROOT))
        with self._output.open("wb") as output:
            self.pytest = subprocess.Popen(
                [
                    *(sys.executable, "-m", "pytest", *options, *config),
                    *("--lab", str(lab.env), "-v", *words, "test_on_board.py"),
                ],
                cwd=folder,
                env=inherited | own,
                stdout=output,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )

    def output(self) -> str:
        return self._output.read_text(errors="replace")

    def wish(self, number: int) -> list[Any]:
        """Wait for a test that waits for its mishap: what, place, process."""
        file = self.folder / f"{number}.wish"
        until(lambda: file.exists() or self.pytest.poll() is not None, f"test {number} waits")
        assert file.exists(), self.output()
        wish: list[Any] = json.loads(file.read_text())
        return wish

    def finish(self) -> int:
        """Wait for the end; the exit status."""
        return self.pytest.wait(PATIENCE_S)

    def outcomes(self) -> list[dict[str, Any]]:
        """Phases of tests as they ended; a line that is being written is none yet."""
        whole = self.outcomes_file.read_text().rpartition("\n")[0]
        return [json.loads(line) for line in whole.splitlines()]

    def faults(self) -> list[str]:
        """Tests whose attempts a lab fault ended."""
        return [row["test"] for row in self.outcomes() if row["outcome"] == "lab fault"]

    def passed(self) -> list[list[str]]:
        """Number, place and worker of tests that got to their end."""
        file = self.folder / "passed"
        return [line.split() for line in file.read_text().splitlines()] if file.exists() else []

    def processes(self) -> list[str]:
        """Whatever still runs and descends from the session."""
        return list(with_token(self.token))

    def wait_gone(self) -> None:
        until(lambda: not self.processes(), "all processes are gone")

    def kill(self) -> None:
        """The end of pytest and its workers, all at once."""
        os.killpg(self.pytest.pid, signal.SIGKILL)
        self.pytest.wait()

    def close(self) -> None:
        """Whatever the test did, nothing of the session outlives it."""
        for line in self.processes():
            with contextlib.suppress(ProcessLookupError):  # its parent's end was its own
                os.kill(int(line.split()[0]), signal.SIGKILL)
        self.pytest.wait()


def with_token(token: str) -> Sequence[str]:
    """Process id and command of what has a token in its environment."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            if token.encode() in (place / "environ").read_bytes().split(b"\0"):
                words = (place / "cmdline").read_bytes().split(b"\0")
                found.append(f"{place.name} {b' '.join(words[:6]).decode()}")
        except OSError:
            continue
    return found
