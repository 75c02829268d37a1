# SPDX-License-Identifier: BSD-3-Clause
"""What ``scripts/record-rules`` runs: real runs that keep and break each rule, recorded.

The test cases in ``testcases/rules`` are the hosts. Rules for the RMM are broken by the RMM
with a fault planted in it, one of ``testcases/mutants`` or of ``testcases/rules``.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from harness.cli.main import guarded
from harness.errors import HarnessError

CHECKOUT = Path(__file__).resolve().parents[2]
RECORDINGS = CHECKOUT / "harness" / "tests" / "recordings"
_CASES = "testcases/rules"
_OWN = "gpt-kept"
_MUTANTS = CHECKOUT / "testcases" / "mutants"


@dataclass(frozen=True, slots=True)
class Broken:
    """A rule for the RMM: the fault that breaks it, the test case that shows it."""

    fault: str
    case: str

    @property
    def recording(self) -> str:
        """The file that the test case leaves."""
        return f"{self.case.split('::test_')[1]}.tap.gz"

    @property
    def patch(self) -> Path:
        """The fault's patch."""
        folder = CHECKOUT / _CASES if self.fault == _OWN else _MUTANTS
        return folder / f"{self.fault}.patch"


BROKEN = {
    "gpt_changed": Broken("gpt-kept", "test_rmm.py::test_gpt_changed"),
    "live_table": Broken("destroy-live", "test_rmm.py::test_live_table"),
    "model_verdict": Broken("destroy-top", "test_rmm.py::test_model_verdict"),
    "rec_runs_once": Broken("running-twice", "test_host_entering.py::test_one_pe_broken"),
}


def main() -> int:
    """Record everything; status 1 if something is not there then."""
    parser = argparse.ArgumentParser(prog="scripts/record-rules", description=__doc__)
    parser.add_argument("--to", type=Path, default=RECORDINGS, metavar="DIR")
    target: Path = parser.parse_args().to.absolute()
    return guarded(lambda: _record(target), "record-rules")


def _record(target: Path) -> int:
    with tempfile.TemporaryDirectory(prefix="cca-record-") as scratch:
        fresh = Path(scratch) / "recordings"
        _run(fresh, _CASES)
        for rule in BROKEN:
            _break(rule, Path(scratch), fresh)
        target.mkdir(parents=True, exist_ok=True)
        for old in target.glob("*.tap.gz"):
            old.unlink()
        for made in fresh.iterdir():
            shutil.copyfile(made, target / made.name)
    print(f"{len(list(target.iterdir()))} recordings in {target}")
    return 0


def _break(rule: str, scratch: Path, fresh: Path) -> None:
    """Run one test case on the RMM with the fault, whatever becomes of it."""
    from harness.mutants import load_faults, plant

    broken = BROKEN[rule]
    [fault] = load_faults(broken.patch.parent, [broken.fault])
    planted = plant(fault, CHECKOUT, scratch / broken.fault)
    folder = scratch / f"{broken.fault}-recordings"
    _run(folder, f"{_CASES}/{broken.case}", *planted.settings(), must_pass=False)
    shutil.move(folder / broken.recording, fresh / f"{rule}_broken.tap.gz")


def _run(folder: Path, *words: str, must_pass: bool = True) -> None:
    with tempfile.TemporaryDirectory(prefix="cca-record-runs-") as runs:
        command = [sys.executable, "-m", "pytest", "-q", "-n0", f"--recordings={folder}"]
        done = subprocess.run([*command, f"--runs={runs}", *words], cwd=CHECKOUT, check=False)
    if (must_pass and done.returncode) or not any(folder.glob("*")):
        raise HarnessError(f"{' '.join(words)}: status {done.returncode}, see above")


if __name__ == "__main__":
    sys.exit(main())
