# SPDX-License-Identifier: BSD-3-Clause
"""The measurements themselves, each on the real stack."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from harness.abi import tables
from harness.bench.figure import repeat
from harness.errors import HarnessError
from harness.link import Link, MailboxLink, SerialLink
from harness.machine import Machine, TapPlugin
from harness.realm import (
    GranulePool,
    Ledger,
    NormalWorld,
    PayloadImage,
    RealmConfig,
    start_realm,
)
from harness.rmi import Rmi
from harness.stack import BuiltStack
from harness.stack.components import CHECKOUT

_VERSION = tables().constants["RMI_ABI_VERSION"]


@contextmanager
def booted(built: BuiltStack, tap: TapPlugin | None, kind: str = "mailbox") -> Iterator[Link]:
    """A machine whose monitor answers, for the time of the block."""
    with tempfile.TemporaryDirectory(prefix="cca-bench-") as folder:
        machine = Machine.launch(built, Path(folder), tap=tap)
        try:
            yield _hello(machine, built, kind)
        finally:
            machine.stop(soft_s=0)


def _hello(machine: Machine, built: BuiltStack, kind: str) -> Link:
    link: Link = (
        MailboxLink(machine, built.elfs["host"])
        if kind == "mailbox"
        else SerialLink(machine.consoles["ns"])
    )
    link.hello()
    return link


def first_result_s(built: BuiltStack, tap: TapPlugin | None) -> float:
    """Seconds from starting QEMU to the first RMI result."""
    start = time.perf_counter()
    with booted(built, tap) as link:
        Rmi(link).version(_VERSION)
        return time.perf_counter() - start


def calls_per_s(
    built: BuiltStack, tap: TapPlugin | None, kind: str, calls: int, runs: int
) -> tuple[float, ...]:
    """RMI_VERSION calls a second over one link, issued one by one from Python."""
    with booted(built, tap, kind) as link:
        rmi = Rmi(link)

        def sample() -> float:
            start = time.perf_counter()
            for _ in range(calls):
                rmi.version(_VERSION)
            return calls / (time.perf_counter() - start)

        sample()
        return repeat(runs, sample)


def realm_life_s(
    built: BuiltStack, tap: TapPlugin | None, recs: int, runs: int
) -> tuple[list[float], list[float]]:
    """Seconds to set up (payload booted) and to tear down a realm with ``recs`` RECs."""
    image = PayloadImage.load(built.images["realm"], built.elfs["realm"])
    ups: list[float] = []
    downs: list[float] = []
    with booted(built, tap) as link:
        world = NormalWorld(link, GranulePool(), Ledger())
        for _ in range(runs + 1):
            start = time.perf_counter()
            made = start_realm(world, image, RealmConfig(recs=recs))
            ups.append(time.perf_counter() - start)
            start = time.perf_counter()
            made.realm.destroy()
            downs.append(time.perf_counter() - start)
    return ups[1:], downs[1:]


def regression_s(workers: int, arguments: list[str]) -> float:
    """Wall seconds of the whole regression with a number of workers; it must pass."""
    command = [sys.executable, "-m", "pytest", "testcases", "-q", "-n", str(workers), *arguments]
    start = time.perf_counter()
    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        tail = "\n".join(done.stdout.splitlines()[-15:])
        raise HarnessError(f"the regression with -n {workers} did not pass:\n{tail}")
    return time.perf_counter() - start
