# SPDX-License-Identifier: BSD-3-Clause
"""However a session ends, no process, socket or file outside of its run folder stays."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import stat
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from harness.errors import ProvisionError
from harness.stack import build_stack, load_stack
from harness.tests import waiting

pytestmark = [pytest.mark.qemu, pytest.mark.slow]

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 120.0

WAITING = """
import os
import time
from pathlib import Path


def test_waits(ns, machine):
    machine.consoles["ns"].expect("MONITOR READY", 60)
    ready = Path(os.environ["CCA_TEST_READY"])
    draft = ready.with_suffix(".draft")
    draft.write_text(f"{os.getpid()} {machine.pid}")
    draft.rename(ready)
    until = time.monotonic() + 600
    while time.monotonic() < until:
        time.sleep(0.1)  # one that comes just before a sleep is seen at its end only


def test_after(ns):
    pass
"""


@pytest.fixture(scope="module", autouse=True)
def _stack() -> None:
    try:
        build_stack(load_stack("embedded"))
    except ProvisionError as problem:
        pytest.skip(str(problem))


until = partial(waiting.until, within_s=PATIENCE_S)


class Session:
    """A pytest process of its own on the embedded stack, with a token in its environment."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.token = f"CCA_TEST_TOKEN={uuid.uuid4()}"
        self.work, self.temp, self.runs = (folder / n for n in ("work", "temp", "runs"))
        for place in (self.work, self.temp):
            place.mkdir()
        (self.work / "test_waiting.py").write_text(WAITING)
        self._ready = folder / "ready"
        self._output = folder / "output.txt"
        name, _, value = self.token.partition("=")
        own = {
            name: value,
            "CCA_TEST_READY": str(self._ready),
            "CCA_RUNS": str(self.runs),
            "TMPDIR": str(self.temp),
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONPATH": str(ROOT),
        }
        inherited = {n: v for n, v in os.environ.items() if not n.startswith("PYTEST_")}
        options = ("-p", "harness.plugin", "-p", "no:cacheprovider", "-p", "no:randomly")
        config = ("-c", str(ROOT / "pyproject.toml"), "--rootdir", str(ROOT))
        with self._output.open("wb") as output:
            self.pytest = subprocess.Popen(
                [sys.executable, "-m", "pytest", *options, *config, *arguments, "test_waiting.py"],
                cwd=self.work,
                env=inherited | own,
                stdout=output,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )

    def wait_ready(self) -> None:
        """Wait until a test holds a booted machine; ``worker`` and ``qemu`` are known then."""
        until(
            lambda: self._ready.exists() or self.pytest.poll() is not None, "a test has a machine"
        )
        assert self._ready.exists(), self.output()
        self.worker, self.qemu = (int(word) for word in self._ready.read_text().split())

    def output(self) -> str:
        return self._output.read_text(errors="replace")

    def processes(self) -> list[str]:
        """Whatever still runs and descends from the session."""
        found = []
        for place in Path("/proc").glob("[0-9]*"):
            try:
                if self.token.encode() in (place / "environ").read_bytes().split(b"\0"):
                    words = (place / "cmdline").read_bytes().split(b"\0")
                    found.append(f"{place.name} {b' '.join(words[:6]).decode()}")
            except OSError:
                continue
        return found

    def wait_gone(self) -> None:
        until(lambda: not self.processes(), f"all processes are gone: {self.processes()}")

    def close(self) -> None:
        """Whatever the test did, nothing of the session outlives it."""
        for line in self.processes():
            with contextlib.suppress(ProcessLookupError):  # its parent's end was its own
                os.kill(int(line.split()[0]), signal.SIGKILL)
        self.pytest.wait()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Session]]:
    started: list[Session] = []

    def begin(*arguments: str) -> Session:
        started.append(Session(tmp_path, *arguments))
        started[-1].wait_ready()
        return started[-1]

    yield begin
    for session in started:
        session.close()


def written_by(pid: int) -> list[Path]:
    """Files on disk that a process has open for writing."""
    found = []
    for link in Path(f"/proc/{pid}/fd").iterdir():
        flags = next(
            line
            for line in Path(f"/proc/{pid}/fdinfo/{link.name}").read_text().splitlines()
            if line.startswith("flags:")
        )
        writes = int(flags.split()[1], 8) & os.O_ACCMODE != os.O_RDONLY
        target = link.readlink()
        if writes and target.is_absolute() and not target.is_relative_to("/dev"):
            found.append(target)
    return found


def is_memory(path: Path) -> bool:
    """An anonymous file, /memfd:name (deleted): it is gone with its last process."""
    return str(path).startswith("/memfd:")


def named_sockets(pid: int) -> list[str]:
    """Paths of the Unix sockets that a process has open."""
    own = {str(link.readlink()) for link in Path(f"/proc/{pid}/fd").iterdir()}
    rows = [line.split() for line in Path("/proc/net/unix").read_text().splitlines()[1:]]
    return [row[7] for row in rows if len(row) > 7 and f"socket:[{row[6]}]" in own]


def assert_clean(session: Session) -> None:
    """Nothing is left but the artefacts, and those are plain files.

    The folder that pytest makes for xdist's workers it numbers, locks and prunes itself.
    """
    session.wait_gone()
    left = [path.name for path in session.temp.iterdir()]
    assert [name for name in left if not name.startswith("pytest-of-")] == []
    assert [path.name for path in session.work.iterdir()] == ["test_waiting.py"]
    kinds = {stat.S_IFMT(path.lstat().st_mode) for path in session.runs.rglob("*")}
    assert kinds <= {stat.S_IFREG, stat.S_IFDIR, stat.S_IFLNK}


def test_machine_writes_to_its_run_folder_only(start: Callable[..., Session]) -> None:
    session = start()
    files = [path for path in written_by(session.qemu) if not is_memory(path)]
    assert files
    assert [path for path in files if not path.is_relative_to(session.runs)] == []
    assert named_sockets(session.qemu) == []
    assert named_sockets(session.worker) == []


@pytest.mark.parametrize(
    ("number", "status"),
    [(signal.SIGKILL, -9), (signal.SIGTERM, -15), (signal.SIGINT, pytest.ExitCode.INTERRUPTED)],
)
def test_end_of_pytest_ends_everything(
    start: Callable[..., Session], number: signal.Signals, status: int
) -> None:
    session = start()
    os.kill(session.pytest.pid, number)
    assert session.pytest.wait(PATIENCE_S) == status, session.output()
    assert_clean(session)
    assert list(session.runs.glob("latest/machines/main/boot-1/ns.log"))


def test_end_of_the_controller_ends_everything(start: Callable[..., Session]) -> None:
    session = start("-n", "1")
    assert session.worker != session.pytest.pid
    os.kill(session.pytest.pid, signal.SIGKILL)
    assert_clean(session)


def test_end_of_a_worker_costs_one_test(start: Callable[..., Session]) -> None:
    session = start("-n", "1")
    os.kill(session.worker, signal.SIGKILL)
    assert session.pytest.wait(PATIENCE_S) == pytest.ExitCode.TESTS_FAILED, session.output()
    assert_clean(session)
    assert "1 failed, 1 passed" in session.output()
    assert "worker 'gw0' crashed while running" in session.output()
    machines = session.runs / "latest" / "machines"
    assert {"gw0", "gw1"} <= {path.name for path in machines.iterdir()}
    assert "  | MONITOR READY" in session.output()
    assert "hint:      the kernel's log says whether memory ran out" in session.output()
    [failure] = (session.runs / "latest").glob("*/failure.json")
    facts = json.loads(failure.read_text())
    assert (facts["verdict"], facts["error"]) == (
        "lab",
        "worker 'gw0' died while it ran this test",
    )
    assert (failure.parent / "machine" / "ns.log").exists()
