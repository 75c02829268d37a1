# SPDX-License-Identifier: BSD-3-Clause
"""``cca mutants``: plant known faults in the RMM one by one; each must make a test fail."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from harness.cli.main import count, results_file
from harness.cli.regress import CHECKOUT
from harness.errors import BuildError, HarnessError

HELP = "plant faults in the in-tree RMM, run the test cases, say which fault was caught by what"
_PATCHES = CHECKOUT / "testcases" / "mutants"
_TEST_TIMEOUT_S = 600


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one fault: the tests that failed, none if it survived or has an error."""

    name: str
    concern: str
    caught_by: tuple[str, ...] = ()
    error: str = ""

    def line(self) -> str:
        """One line of the printed table."""
        first = self.caught_by[0] if self.caught_by else "SURVIVED"
        more = f" and {len(self.caught_by) - 1} more" if len(self.caught_by) > 1 else ""
        return f"{self.name:<32} {'NOT PLANTED' if self.error else first + more}"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the subcommand's options."""
    parser.add_argument("names", nargs="*", help="faults to plant (default: all)")
    parser.add_argument(
        "--json", type=results_file, metavar="FILE", help="write the verdicts there"
    )
    parser.add_argument("-n", dest="workers", type=count, default=2, help="workers (default 2)")
    parser.add_argument("--all-failures", action="store_true", help="do not stop at the first")


def run(args: argparse.Namespace) -> int:
    """Plant, build, run, report; status 1 if a fault survived or could not be planted."""
    verdicts: list[Verdict] = []
    for patch in _chosen(args.names):
        verdicts.append(_try(patch, args))
        print(verdicts[-1].line(), flush=True)
        if args.json:
            rows = [asdict(verdict) for verdict in verdicts]
            args.json.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")
    caught = [verdict for verdict in verdicts if verdict.caught_by]
    print(f"{len(caught)} of {len(verdicts)} faults caught")
    for verdict in verdicts:
        if verdict not in caught:
            print(f"not planted: {verdict.error}" if verdict.error else f"survived: {verdict.name}")
    return 0 if len(caught) == len(verdicts) else 1


def _chosen(names: Sequence[str]) -> list[Path]:
    known = {path.stem: path for path in sorted(_PATCHES.glob("*.patch"))}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise HarnessError(f"no fault named {unknown[0]}", hint=f"there are: {', '.join(known)}")
    return [known[name] for name in names] if names else list(known.values())


def _try(patch: Path, args: argparse.Namespace) -> Verdict:
    concern = patch.read_text(encoding="utf-8").splitlines()[0].removeprefix("# ")
    with tempfile.TemporaryDirectory(prefix="cca-mutant-") as folder:
        try:
            image, elf = _build(patch, Path(folder))
        except BuildError as error:
            return Verdict(patch.stem, concern, error=str(error))
        return Verdict(patch.stem, concern, _failing_tests(image, elf, Path(folder), args))


def _build(patch: Path, folder: Path) -> tuple[Path, Path]:
    """Build a copy of the RMM with the fault in it; the tree is never touched."""
    from harness.abi.cheader import render

    shutil.copytree(CHECKOUT / "images", folder / "images")
    output = folder / "out"
    output.mkdir()
    (folder / "cca_abi.h").write_text(render(), encoding="utf-8")
    _run(["patch", "-p1", "--no-backup-if-mismatch", "-F0", "-i", str(patch)], folder, patch)
    make = ["make", "-C", "images/rmm", f"O={output}", f"ABI={folder}"]
    _run([*make, "CROSS_COMPILE=aarch64-linux-gnu-"], folder, patch)
    return output / "rmm.img", output / "rmm.elf"


def _run(command: list[str], folder: Path, patch: Path) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        tail = "\n".join((done.stdout + done.stderr).splitlines()[-15:])
        raise BuildError(
            f"{patch.stem}: {command[0]} failed with status {done.returncode}:\n{tail}",
            hint="the fault must apply and compile against the tree as it is",
        )


def _failing_tests(
    image: Path, elf: Path, folder: Path, args: argparse.Namespace
) -> tuple[str, ...]:
    report = folder / "report.jsonl"
    command = [sys.executable, "-m", "pytest", "testcases", "-q", "-n", str(args.workers)]
    command += [f"--set=rmm.image={image}", f"--set=rmm.elf={elf}"]
    command += [f"--runs={folder / 'runs'}"]
    command += [] if args.all_failures else ["-x"]
    environment = {**os.environ, "CCA_OUTCOMES": str(report)}
    try:
        done = subprocess.run(
            command,
            cwd=CHECKOUT,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=_TEST_TIMEOUT_S,
        )
    except subprocess.TimeoutExpired:
        return (*_read_failures(report), f"no end after {_TEST_TIMEOUT_S} s")
    failed = _read_failures(report)
    if done.returncode not in (0, 1, 2) or (done.returncode != 0 and not failed):
        tail = "\n".join((done.stdout + done.stderr).splitlines()[-15:])
        raise HarnessError(f"pytest ended with status {done.returncode}:\n{tail}")
    return failed


def _read_failures(report: Path) -> tuple[str, ...]:
    if not report.exists():
        return ()
    rows = [json.loads(line) for line in report.read_text(encoding="utf-8").splitlines()]
    return tuple(dict.fromkeys(row["test"] for row in rows if row["outcome"] == "failed"))
