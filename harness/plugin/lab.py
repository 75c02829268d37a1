# SPDX-License-Identifier: BSD-3-Clause
"""``--lab ENV.yaml``: the same tests on boards of a lab, one leased place for each worker."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

import pytest

from harness.errors import ConsoleTimeout, HarnessError, LinkTimeout
from harness.lab import (
    LabBoard,
    LabFault,
    Lease,
    LeaseOrder,
    check_lab,
)
from harness.link import SerialLink
from harness.machine import Machine
from harness.plugin.keeper import Running
from harness.plugin.session import CcaSession, cca_session, may_need_stack
from harness.realm import GranulePool, Ledger, NormalWorld
from harness.shell.keys import KeyPair
from harness.shell.ssh import SshAddress, SshShell
from harness.stack import BuiltStack

LACKS = frozenset({"mailbox"})
"""Capabilities that no board has: its RAM cannot be shared."""

_WORKER_LACKS = "cca_lab_lacks"
_NO_TAP = "a board of the lab has none"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option."""
    parser.getgroup("cca").addoption(
        "--lab",
        dest="cca_lab",
        default=None,
        metavar="ENV.yaml",
        help="run on boards of the labgrid lab that this file describes (docs/lab.md)",
    )


class LabRun:
    """The lab in a session: what this worker has leased, which places failed."""

    def __init__(self, cca: CcaSession, env: Path) -> None:
        self.cca = cca
        self.env = env
        self.header = ""
        self.fault: LabFault | None = None
        """What ended the attempt that is going on."""
        self._lease: Lease | None = None
        self._leases = 0

    def boot(self, built: BuiltStack, folder: Path, name: str, _link: str) -> Running:
        """Start a leased board and wait for the monitor. Raises ``LabFault``, ``BootFailed``."""
        lease = self._lease or self._take()
        files = {"flash": built.flash, "bl1": built.images["bl1"], "fip": built.images["fip"]}
        board = LabBoard.start(lease, built, files, folder, name)
        try:
            link = SerialLink(board.consoles["ns"])
            link.hello(lease.boot_timeout_s)
        except BaseException as problem:
            fault = blame(board, problem)
            board.stop()
            if fault is not None:
                raise fault from problem
            raise
        ledger = Ledger()
        link.observers.append(lambda _pe, args, results: ledger.observe(args, results))
        # A board has what the harness uses of a machine, or says that it has not.
        machine = cast("Machine", board)
        return Running(machine, link, NormalWorld(link, GranulePool(), ledger))

    def _take(self) -> Lease:
        self._leases += 1
        worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
        folder = self.folder
        folder.mkdir(parents=True, exist_ok=True)
        order = LeaseOrder(
            self.env, folder / "avoid", folder / f"agent-{worker}-{self._leases}.log"
        )
        self._lease = Lease.take(order)
        return self._lease

    @property
    def folder(self) -> Path:
        """Logs of the agents, and the places that failed."""
        return self.cca.run.path / "lab"

    @property
    def board(self) -> LabBoard | None:
        """This worker's board, if one is up."""
        running = self.cca.keeper.running if "keeper" in vars(self.cca) else None
        machine: object = running.machine if running is not None else None
        return machine if isinstance(machine, LabBoard) else None

    def drop(self, fault: LabFault) -> None:
        """Give the place back after a fault; if the board is broken, nobody is to take it."""
        if fault.broken and fault.place:
            avoid = self.folder / "avoid"
            with suppress(OSError):
                avoid.mkdir(parents=True, exist_ok=True)
                (avoid / fault.place).write_text(f"{fault.message}\n", encoding="utf-8")
        self.give_back()

    def give_back(self) -> None:
        """Stop the board, end the lease."""
        if "keeper" in vars(self.cca):
            self.cca.keeper.retire()
        lease, self._lease = self._lease, None
        if lease is not None and not lease.end():
            with suppress(HarnessError):  # the agent was killed: another one does what it left
                check_lab(self.env, self.folder / "agent-after.log")

    def begin(self) -> None:
        """A new attempt."""
        self.fault = None

    def note(self, error: BaseException) -> None:
        """Remember the first lab fault of an attempt."""
        if isinstance(error, LabFault) and self.fault is None:
            self.fault = error


def blame(board: LabBoard, problem: BaseException) -> LabFault | None:
    """The lab's part in a failure. A board that spoke in vain is asked whether it still can."""
    if isinstance(problem, LabFault):
        return problem
    timed_out = isinstance(problem, LinkTimeout | ConsoleTimeout)
    return board.judge(silent=timed_out or not board.heard_bytes())


LAB = pytest.StashKey[LabRun]()


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    """Have the session boot boards instead of machines."""
    given = config.getoption("cca_lab")
    if given is None:
        return
    cca = cca_session(config)
    lab = config.stash[LAB] = LabRun(cca, Path(given).absolute())
    cca.boot, cca.no_tap, cca.link_kind = lab.boot, _NO_TAP, "serial"
    cca.again = ["--lab", str(lab.env)]
    cca.lacks = frozenset(getattr(config, "workerinput", {}).get(_WORKER_LACKS, LACKS))


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """Look at the lab once, before anything is built; one message if it is not as it must be."""
    config = session.config
    lab = config.stash.get(LAB, None)
    if lab is None or hasattr(config, "workerinput") or not may_need_stack(config):
        return
    try:
        seen = check_lab(lab.env)
    except HarnessError as error:
        raise pytest.UsageError(str(error)) from None
    if not seen.places:
        raise pytest.UsageError(
            f"--lab {lab.env}: no place of the lab has the wanted tags\n"
            "hint: `labgrid-client places` lists what there is"
        )
    lab.cca.lacks = LACKS | seen.without
    busy = "".join(f"; {name} is {why}" for name, why in seen.busy.items())
    lab.header = f"lab: {lab.env}: {len(seen.places)} places{busy}"


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell an xdist worker what the boards lack."""
    if LAB in node.config.stash:
        node.workerinput[_WORKER_LACKS] = sorted(cca_session(node.config).lacks)


def pytest_report_header(config: pytest.Config) -> list[str]:
    """Say which places there are."""
    lab = config.stash.get(LAB, None)
    return [lab.header] if lab is not None and lab.header else []


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Give the place back; the session's machine was stopped before."""
    lab = session.config.stash.get(LAB, None)
    if lab is not None:
        lab.give_back()


@pytest.fixture
def board_shell(cca_running: Running) -> Iterator[SshShell]:
    """A shell on the board over SSH, where the place has an SSH service."""
    board: object = cca_running.machine
    service = board.lease.ssh if isinstance(board, LabBoard) else None
    if not isinstance(board, LabBoard) or service is None:
        pytest.skip(
            "no board with an SSH service: NetworkService of the place, ssh of --lab's file"
        )
    address = SshAddress(
        service.port, base64.b64decode(service.host_key), service.address, service.username
    )
    shell = SshShell(
        address,
        KeyPair.read(Path(service.key)),
        alarms=board.alarms,
        check=board.check,
        transcripts=board.folder,
    )
    yield shell
    shell.close()
