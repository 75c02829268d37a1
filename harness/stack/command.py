# SPDX-License-Identifier: BSD-3-Clause
"""Runs a build command to the end, with its output in a log and its failure in one error."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from harness.errors import BuildError

EXCERPT_LINES = 12
EXCERPT_COLUMNS = 200
_ERROR = re.compile(r"(?<!-W)error(?!\w*\.\w)", re.IGNORECASE)
"""A complaint; neither an option such as -Werror nor a file such as error.c."""

DEFAULT_TIMEOUT_S = 3600.0


def run_logged(
    argv: Sequence[str],
    *,
    what: str,
    cwd: Path,
    log: Path,
    env: Mapping[str, str] | None = None,
    timeout_s: float = DEFAULT_TIMEOUT_S,
) -> None:
    """Run a command of a build; its output is appended to ``log``. Raises BuildError.

    The command gets no input and its own process group, which is killed as a whole when
    the time is up or the harness is interrupted.
    """
    with log.open("ab") as output:
        output.write(f"$ cd {cwd} && {shlex.join(argv)}\n".encode())
        output.flush()
        start = output.tell()
        try:
            process = subprocess.Popen(
                [*_die_with_parent(), *argv],
                cwd=cwd,
                env={**os.environ, **(env or {})},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as error:
            raise BuildError(f"{what}: cannot run {argv[0]}: {error.strerror}") from error
        status = _wait(process, timeout_s)
    if status != 0:
        raise _failure(argv, what=what, status=status, log=log, start=start, timeout_s=timeout_s)


def _die_with_parent() -> list[str]:
    """Prefix that ends the command if the harness is killed, where the system has it."""
    return ["setpriv", "--pdeathsig", "KILL"] if shutil.which("setpriv") else []


def _wait(process: subprocess.Popen[bytes], timeout_s: float) -> int | None:
    """Return the exit status, None when the time was up; never leaves the group behind."""
    try:
        return process.wait(timeout_s)
    except subprocess.TimeoutExpired:
        return None
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _failure(
    argv: Sequence[str], *, what: str, status: int | None, log: Path, start: int, timeout_s: float
) -> BuildError:
    with log.open("rb") as file:
        file.seek(start)
        lines = file.read().decode(errors="replace").splitlines()
    shown = "\n".join(f"  | {line}" for line in _excerpt(lines)) or "  | (no output)"
    ended = f"exit status {status}" if status is not None else f"killed after {timeout_s:g} s"
    if status is not None and status < 0:
        ended = f"killed by signal {-status} ({signal.Signals(-status).name})"
    return BuildError(
        f"{what}: build failed, {ended}\n  command: {shlex.join(argv)}\n  log: {log}\n{shown}",
        hint=_hint(lines),
    )


def _excerpt(lines: Sequence[str]) -> list[str]:
    """Pick the first lines with an error and fill up with the last ones; "…" is what lies between.

    A compiler's first complaint is the cause; with parallel jobs it is seldom at the end.
    """
    errors = [n for n, line in enumerate(lines) if _ERROR.search(line)][: EXCERPT_LINES // 2]
    last = [n for n in reversed(range(len(lines))) if n not in errors]
    chosen = sorted(errors + last[: EXCERPT_LINES - len(errors)])
    shown: list[str] = []
    for before, number in zip([-1, *chosen], chosen, strict=False):
        shown += ["…"] if shown and number > before + 1 else []
        shown.append(_cut(lines[number]))
    return shown


def _cut(line: str) -> str:
    return line if len(line) <= EXCERPT_COLUMNS else f"{line[: EXCERPT_COLUMNS - 1]}…"


def _hint(lines: Sequence[str]) -> str:
    text = "\n".join(lines[-200:])
    if "No space left on device" in text:
        return "the disk is full: free some space, or point CCA_CACHE to another disk"
    if "command not found" in text or ": not found" in text or "No such file or directory" in text:
        return "a tool or file is missing; `cca doctor` lists what a stack needs"
    return "the first error in the log is usually the cause"
