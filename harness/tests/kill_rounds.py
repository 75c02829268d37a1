# SPDX-License-Identifier: BSD-3-Clause
"""Kills a running night with SIGKILL, again and again: itself, its pytest, a worker, a QEMU,
the exporter of the lab that it runs on.

``ci/kill-rounds --rounds 50``. After each round the night is resumed to its end, and then
everything has to be as if nobody had killed anything: no process, no file outside of the
night's folder, a sound history, a result for every test, a whole report, no place of the
lab held and no board on.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
import uuid
from collections import Counter
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path

from harness.lab.loopback import LoopbackLab
from harness.nightly.history import History
from harness.nightly.night import HISTORY
from harness.stack import build_stack, load_stack

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 300.0
KINDS = ("nightly", "pytest", "worker", "qemu", "exporter")
CONFIG = """
[night]
folder = "{folder}"
workers = 2
reruns = 1
[stack.embedded]
[profile.some]
arguments = {arguments}
tests = ["testcases/boot/test_boot_version.py"]
[[cells]]
stack = "embedded"
profile = "some"
"""


@dataclass
class Rounds:
    """The folder of all rounds, and what was killed so far."""

    folder: Path
    dice: random.Random
    killed: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.token = f"CCA_TEST_TOKEN={uuid.uuid4()}"
        self.temp = self.folder / "temp"
        self.temp.mkdir(parents=True)
        self.nights = self.folder / "nights"
        self.config = self.folder / "nightly.toml"
        self.lab: LoopbackLab | None = None

    def run(self, kind: str | None = None) -> str:
        """One round; returns what was killed and when. AssertionError says what is left."""
        kind = kind or self.dice.choice(KINDS)
        self.lab = self._start_lab() if kind == "exporter" else None
        with self.lab or nullcontext():
            arguments = [f"--lab={self.lab.env}"] if self.lab else []
            text = CONFIG.format(folder=self.nights, arguments=json.dumps(arguments))
            self.config.write_text(text)
            return self._round(kind, self.dice.expovariate(1 / 1.5))

    def _start_lab(self) -> LoopbackLab:
        built = build_stack(load_stack("embedded"))
        return LoopbackLab.start(self.folder / "lab", built, count=2)

    def _round(self, kind: str, delay_s: float) -> str:
        process = self._start()
        try:
            hit = self._kill(kind, delay_s, process)
            if self.lab is not None and hit == kind:
                self.lab.start_exporter()  # as the lab's own supervisor does
            status = process.wait(PATIENCE_S)
        finally:
            process.kill()
            process.wait()
        if status < 0:
            self._until(lambda: not self.processes(), "everything ends with the nightly")
            again = self._start("--resume")
            status = again.wait(PATIENCE_S)
        assert status in (0, 1), f"status {status}:\n{self._log()}"
        self._check()
        self.killed[hit] += 1
        return f"{hit} after {delay_s:.2f} s"

    def processes(self) -> dict[int, str]:
        """What runs and descends from this round, with its command line."""
        found = {}
        for place in Path("/proc").glob("[0-9]*"):
            try:
                if self.token.encode() in (place / "environ").read_bytes().split(b"\0"):
                    words = (place / "cmdline").read_bytes().split(b"\0")
                    found[int(place.name)] = b" ".join(words).decode("utf-8", "replace")
            except OSError:
                continue
        return {pid: words for pid, words in found.items() if words}

    def _start(self, *words: str) -> subprocess.Popen[bytes]:
        name, _, value = self.token.partition("=")
        environment = {n: v for n, v in os.environ.items() if not n.startswith(("PYTEST_", "CCA_"))}
        environment |= {name: value, "TMPDIR": str(self.temp)}
        if "CCA_CACHE" in os.environ:
            environment["CCA_CACHE"] = os.environ["CCA_CACHE"]
        command = [sys.executable, "-m", "harness.cli.main", "nightly", f"--config={self.config}"]
        with (self.folder / "log.txt").open("wb") as log:
            return subprocess.Popen(
                [*command, *words],
                cwd=ROOT,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def _kill(self, kind: str, delay_s: float, process: subprocess.Popen[bytes]) -> str:
        """Wait for a process of the kind, then for the delay; it may have ended by then."""
        self._until(
            lambda: self._pids(kind, process) or process.poll() is not None, f"a {kind} runs"
        )
        time.sleep(delay_s)
        if self.lab is not None and self.lab.exporter is not None and process.poll() is None:
            self.lab.exporter.stop(soft_s=0)
            return kind
        pids = self._pids(kind, process)
        if not pids or process.poll() is not None:
            return "nothing (it had ended)"
        try:
            os.kill(self.dice.choice(pids), signal.SIGKILL)
        except ProcessLookupError:
            return "nothing (it had ended)"
        return kind

    def _pids(self, kind: str, process: subprocess.Popen[bytes]) -> list[int]:
        if kind == "nightly":
            return [process.pid]
        wanted: dict[str, Callable[[str], bool]] = {
            "pytest": lambda words: " -m pytest " in words and words.startswith(sys.executable),
            "worker": lambda words: "-c import sys;exec(eval(sys.stdin.readline()))" in words,
            "qemu": lambda words: "qemu-system" in words.split(" ")[0] and "-bios" in words,
            # The lab's processes are not the night's: what will need the exporter at once is.
            "exporter": lambda words: "harness.lab.agent" in words,
        }
        return sorted(pid for pid, words in self.processes().items() if wanted[kind](words))

    def _check(self) -> None:
        self._until(lambda: not self.processes(), "no process is left")
        if self.lab is not None:
            assert self.lab.acquired() == {}
            assert [name for name, board in self.lab.boards.items() if board.powered()] == []
        left = [path.name for path in self.temp.iterdir()]
        assert [name for name in left if not name.startswith("pytest-of-")] == []
        history = History(self.nights / HISTORY)
        try:
            history.check()
            night = history.nights(1)[0]
            assert night.state == "done", night
            [cell] = history.cells(night.id)
            assert cell.state == "done", cell
            outcomes = Counter(row.outcome for row in history.results(night.id))
            assert sum(outcomes.values()) == cell.planned > 0, outcomes
            assert set(outcomes) <= {"passed", "failed", "skipped"}, outcomes
            assert outcomes["failed"] <= 2, outcomes
        finally:
            history.close()
        with sqlite3.connect(self.nights / HISTORY) as database:
            assert database.execute("PRAGMA foreign_key_check").fetchall() == []
        database.close()
        page = (self.nights / night.id / "report.html").read_text()
        assert page.rstrip().endswith("</html>")
        drafts = list((self.nights / night.id).glob(".*"))
        assert drafts == []

    def _until(self, true: Callable[[], object], what: str) -> None:
        end = time.monotonic() + PATIENCE_S
        while not true():
            assert time.monotonic() < end, f"not so: {what}; {self.processes()}\n{self._log()}"
            time.sleep(0.1)

    def _log(self) -> str:
        return (self.folder / "log.txt").read_text(errors="replace")[-2000:]


def main() -> int:
    """Run the rounds; 1 at the first that leaves something behind."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--kind", choices=KINDS, help="kill only these (default: any of them)")
    args = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="cca-kill-rounds-"))
    rounds = Rounds(folder / "all", random.Random(args.seed))
    for number in range(1, args.rounds + 1):
        try:
            print(f"{number}: {rounds.run(args.kind)}: clean", flush=True)
        except AssertionError as problem:
            print(f"{number}: FAILED (seed {args.seed}, see {folder}): {problem}", flush=True)
            return 1
    print(f"{args.rounds} rounds, all clean; killed: {dict(rounds.killed)}")
    shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
