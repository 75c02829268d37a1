# SPDX-License-Identifier: BSD-3-Clause
"""A child process that cannot outlive its owner.

Linux delivers the parent-death signal when the *thread* that forked ends, so one
thread that lives as long as the process does all the forking. ``setpriv`` arms the
signal; the shell after it checks that the parent was still there at that moment.
"""

from __future__ import annotations

import contextlib
import os
import queue
import shutil
import signal
import subprocess
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from pathlib import Path

from harness.errors import LaunchError

_TAIL_BYTES = 64 * 1024
_GUARD = '[ "$PPID" = "$0" ] || exit 143; exec "$@"'


class _Forker:
    """The thread that forks, one per process (a forked child makes its own)."""

    _instance: _Forker | None = None
    _lock = threading.Lock()

    def __init__(self) -> None:
        self.pid = os.getpid()
        self._jobs: queue.SimpleQueue[_Job] = queue.SimpleQueue()
        threading.Thread(target=self._serve, name="forker", daemon=True).start()

    @classmethod
    def get(cls) -> _Forker:
        with cls._lock:
            if cls._instance is None or cls._instance.pid != os.getpid():
                cls._instance = cls()
            return cls._instance

    def run(self, job: _Job) -> subprocess.Popen[bytes]:
        self._jobs.put(job)
        try:
            return job.result.result()
        except BaseException:  # an interrupt, too: nobody else will know of the process
            job.result.add_done_callback(_end_at_once)
            raise

    def _serve(self) -> None:
        while True:
            self._jobs.get().execute()


class _Job:
    """One process to be started by the forker thread."""

    def __init__(self, argv: Sequence[str], fds: Sequence[int], output: Path) -> None:
        self.argv, self.fds, self.output = argv, fds, output
        self.result: Future[subprocess.Popen[bytes]] = Future()

    def execute(self) -> None:
        try:
            with self.output.open("ab") as output:
                process = subprocess.Popen(
                    self.argv,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    pass_fds=self.fds,
                    process_group=0,
                )
            self.result.set_result(process)
        except BaseException as problem:  # noqa: BLE001 - the thread must live on, the caller wake
            self.result.set_exception(problem)


def _end_at_once(result: Future[subprocess.Popen[bytes]]) -> None:
    """Kill what was started for somebody who waits no more."""
    if result.exception() is None:
        ChildProcess(result.result(), Path(os.devnull)).stop(soft_s=0)


class ChildProcess:
    """A running program in a process group of its own, output going to a file."""

    def __init__(self, process: subprocess.Popen[bytes], output: Path) -> None:
        self._process = process
        self._lock = threading.Lock()
        self.output = output
        self.pid = process.pid

    @classmethod
    def start(cls, argv: Sequence[str], fds: Sequence[int], output: Path) -> ChildProcess:
        """Start ``argv`` with the descriptors ``fds`` inherited under their numbers.

        Raises ``LaunchError`` if the program or ``setpriv`` cannot be run.
        """
        guard = shutil.which("setpriv")
        if guard is None:
            raise LaunchError(
                "setpriv is not on PATH; without it a killed test run leaves its QEMU behind",
                hint="install util-linux",
            )
        if shutil.which(argv[0]) is None:
            raise LaunchError(
                f"there is no program {argv[0]}", hint="run `cca doctor` to see what is missing"
            )
        tied = [guard, "--pdeathsig", "KILL", "sh", "-c", _GUARD, str(os.getpid()), *argv]
        try:
            process = _Forker.get().run(_Job(tied, fds, output))
        except (OSError, ValueError) as problem:
            raise LaunchError(f"cannot start {argv[0]}: {problem}") from problem
        return cls(process, output)

    def poll(self) -> int | None:
        """Return the exit status (negative: the signal that ended it), None while it runs."""
        with self._lock:
            return self._process.poll()

    def output_tail(self, lines: int = 20) -> str:
        """Return the last lines that the program wrote, of its last 64 KiB."""
        with contextlib.suppress(OSError), self.output.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - _TAIL_BYTES))
            text = file.read(_TAIL_BYTES).decode("utf-8", "backslashreplace")
            return "\n".join(text.rstrip().split("\n")[-lines:])
        return ""

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, number)

    def stop(self, soft_s: float = 2.0) -> int:
        """Ask it to end, kill it after ``soft_s`` seconds, reap it; returns the status.

        Killed and reaped it is also where the wait for a soft end is interrupted.
        """
        with self._lock:
            try:
                if self._process.poll() is None and soft_s > 0:
                    self._signal(signal.SIGTERM)
                    with contextlib.suppress(subprocess.TimeoutExpired):
                        self._process.wait(soft_s)
            finally:
                if self._process.poll() is None:
                    self._signal(signal.SIGKILL)
                status = self._process.wait()
            return status


def describe_status(status: int | None) -> str:
    """Return an exit status in words."""
    if status is None:
        return "still running"
    if status >= 0:
        return f"exit status {status}"
    try:
        return f"killed by {signal.Signals(-status).name}"
    except ValueError:
        return f"killed by signal {-status}"
