# SPDX-License-Identifier: BSD-3-Clause
"""Plants one fault after the other and looks for a test that catches it.

A test catches a fault if it fails with the fault, fails again, and passes without it. Whatever
contradicts that is kept: the text of the failure in the verdict, the run's files in a folder.
"""

from __future__ import annotations

import dataclasses
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.errors import BuildError, HarnessError
from harness.mutants.patches import SAY_NOTHING, Fault, portions_of
from harness.mutants.plant import Planted
from harness.mutants.runner import Failure, Run, Runner

Plant = Callable[[Fault, Path], Planted]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a fault.

    ``state`` is caught, survived, not planted or unclear; ``failures`` are the tests that
    caught it, ``doubts`` those that failed once only. ``tests`` counts the tests run.
    """

    name: str
    concern: str
    state: str
    failures: tuple[Failure, ...] = ()
    doubts: tuple[Failure, ...] = ()
    tests: int = 0
    seconds: float = 0.0
    error: str = ""
    evidence: str = ""

    @property
    def caught(self) -> bool:
        """A test noticed the fault, again and again."""
        return self.state == "caught"

    @property
    def first(self) -> str:
        """The first test that caught the fault, or nothing."""
        return self.failures[0].test if self.failures else ""

    def line(self) -> str:
        """One line for the terminal."""
        what = self.state.upper()
        if self.caught:
            more = f" and {len(self.failures) - 1} more" if len(self.failures) > 1 else ""
            torn = " (its tear-down)" if self.failures[0].phase == "teardown" else ""
            what = f"{self.first}{torn}{more}"
        doubts = f"; failed only once: {self.doubts[0].test}" if self.doubts else ""
        return f"{self.name:<20} {self.seconds:4.0f} s  {what}{doubts}"

    def as_json(self) -> dict[str, object]:
        """All fields."""
        return dataclasses.asdict(self)


@dataclass
class Hunt:
    """A run over faults. ``known`` names the test that caught a fault before, ``root`` the
    folder for work and evidence, ``folders`` those of ``testcases``."""

    plant: Plant
    runner: Runner
    folders: Sequence[str]
    known: Mapping[str, str]
    root: Path
    ask_again: bool = True

    def try_fault(self, fault: Fault) -> Verdict:
        """Plant, build, run until something fails twice; never raises HarnessError."""
        self.root.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix=f"{fault.name}-", dir=self.root))
        start = time.monotonic()
        try:
            verdict = self._hunt(fault, self.plant(fault, folder), folder)
        except BuildError as error:
            verdict = Verdict(fault.name, fault.concern, "not planted", error=str(error))
        except HarnessError as error:
            verdict = Verdict(fault.name, fault.concern, "unclear", error=str(error))
        finally:
            shutil.rmtree(folder / "images", ignore_errors=True)
        verdict = dataclasses.replace(verdict, seconds=round(time.monotonic() - start, 1))
        if verdict.error or verdict.doubts:
            return dataclasses.replace(verdict, evidence=str(folder))
        shutil.rmtree(folder, ignore_errors=True)
        return verdict

    def _hunt(self, fault: Fault, planted: Planted, folder: Path) -> Verdict:
        doubts: list[Failure] = []
        count = 0
        portions = portions_of(fault, self.folders, self.known.get(fault.name, ""))
        number = 0
        while number < len(portions):
            run = self._run(portions[number], planted, folder, f"portion-{number}", doubts)
            count += run.tests
            if run.timed_out:
                run = dataclasses.replace(run, failures=(*run.failures, _no_end(portions[number])))
            if not run.failures:
                number += 1
            elif run.timed_out or self._fails_again(run.failures[0], planted, folder):
                found = tuple(run.failures)
                return Verdict(fault.name, fault.concern, "caught", found, tuple(doubts), count)
            else:
                doubts.append(run.failures[0])
        return Verdict(fault.name, fault.concern, "survived", (), tuple(doubts), count)

    def _run(
        self,
        tests: Sequence[str],
        planted: Planted,
        folder: Path,
        name: str,
        doubts: Sequence[Failure] = (),
    ) -> Run:
        without = [f"testcases/{path}" for path in SAY_NOTHING] + [one.test for one in doubts]
        place = folder / (f"{name}-again-{len(doubts)}" if doubts else name)
        return self.runner(tests, planted.settings(), place, without=without)

    def _fails_again(self, failure: Failure, planted: Planted, folder: Path) -> bool:
        if not self.ask_again:
            return True
        place = Path(tempfile.mkdtemp(prefix="confirm-", dir=folder)) / "run"
        run = self.runner([failure.test], planted.settings(), place, without=())
        return bool(run.failures) or run.timed_out

    def check_without_faults(self, verdicts: Sequence[Verdict]) -> list[Verdict]:
        """Run every test that caught something on the RMM as it is; one that fails proves nothing.

        Returns the verdicts, with those of such tests as "unclear".
        """
        tests = sorted({verdict.first for verdict in verdicts if _is_test(verdict.first)})
        if not tests:
            return list(verdicts)
        self.root.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix="no-fault-", dir=self.root))
        wrong: dict[str, Failure] = {}
        left = tests
        while left:
            place = folder / f"run-{len(wrong)}"
            failures = self.runner(left, (), place, without=()).failures
            wrong |= {failure.test: failure for failure in failures}
            left = [test for test in left if test not in wrong] if failures else []
        if not wrong:
            shutil.rmtree(folder, ignore_errors=True)
        return [_doubted(verdict, wrong, folder) for verdict in verdicts]


def _is_test(name: str) -> bool:
    return "::" in name


def _no_end(tests: Sequence[str]) -> Failure:
    return Failure(f"no end of {' '.join(tests)}")


def _doubted(verdict: Verdict, wrong: Mapping[str, Failure], folder: Path) -> Verdict:
    if verdict.first not in wrong:
        return verdict
    error = f"{verdict.first} also fails without the fault:\n{wrong[verdict.first].text}"
    return dataclasses.replace(verdict, state="unclear", error=error, evidence=str(folder))
