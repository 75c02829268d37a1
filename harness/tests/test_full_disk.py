# SPDX-License-Identifier: BSD-3-Clause
"""A disk that is full, a cache that cannot be written: one clear error, what was written stays.

The disks are real: a small tmpfs, a read-only mount, in a mount namespace that ends with the
process; skipped where one may not be made.
"""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from harness.errors import HarnessError, ProvisionError
from harness.plugin.full_disk import reason
from harness.stack import build_stack, load_stack
from harness.tests.night_checkout import Checkout
from harness.transcript import TranscriptError

ROOT = Path(__file__).resolve().parents[2]
NAMESPACE = ("unshare", "--mount", "--map-root-user")
PATIENCE_S = 300.0


def namespace() -> list[str]:
    """The words that give a command mounts of its own; skip where that is forbidden."""
    words = [str(shutil.which(NAMESPACE[0]) or "unshare"), *NAMESPACE[1:]]
    try:
        tried = subprocess.run([*words, "mount", "-t", "tmpfs", "x", "/mnt"], capture_output=True)
    except OSError as problem:
        pytest.skip(f"no unshare: {problem}")
    if tried.returncode:
        pytest.skip(f"no mount namespaces here: {tried.stderr.decode().strip()}")
    return words


def with_mount(mount: str, *command: str, environment: dict[str, str]) -> tuple[int, str, str]:
    """Run a command after ``mount``; return status, output, and how long transcripts are."""
    listing = 'find "$PLACE" -name "*.log" -printf "%s %p\\n" >&2'
    inner = f'{mount} && "$@"; status=$?; {listing}; exit $status'
    own = {n: v for n, v in os.environ.items() if not n.startswith(("PYTEST_", "CCA_RESULTS"))}
    done = subprocess.run(
        [*namespace(), "sh", "-c", inner, "sh", *command],
        cwd=ROOT,
        env=own | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
        stdin=subprocess.DEVNULL,
    )
    return done.returncode, done.stdout, done.stderr


def pytest_words(*words: str) -> list[str]:
    return [sys.executable, "-m", "pytest", "-q", "-n", "0", "-p", "no:cacheprovider", *words]


@pytest.mark.qemu
@pytest.mark.slow
def test_full_disk_ends_the_session_with_one_error(tmp_path: Path) -> None:
    try:
        build_stack(load_stack("embedded"))
    except ProvisionError as problem:
        pytest.skip(str(problem))
    status, output, transcripts = with_mount(
        f'mount -t tmpfs -o size=16k tmpfs "{tmp_path}"',
        *pytest_words("testcases/boot/test_boot_version.py", f"--runs={tmp_path}/runs"),
        environment={"PLACE": str(tmp_path)},
    )
    assert status == 1, output
    assert "results cannot be written (No space left on device), the rest was not run" in output
    assert "1 error in" in output
    assert "hint: free space there, or choose another place: --runs=DIR or CCA_RUNS" in output
    assert "Traceback" not in output
    sizes = [int(line.split()[0]) for line in transcripts.splitlines() if "/ns.log" in line]
    assert sizes
    assert sizes[0] > 0


def test_full_disk_under_a_nightly_is_one_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CCA_CACHE", str(tmp_path / "cache"))
    checkout = Checkout(tmp_path / "checkout", "def test_a(): pass\n")
    nights = tmp_path / "nights"
    nights.mkdir()
    text = checkout.file.read_text().replace('folder = "nights"', f'folder = "{nights}"')
    checkout.file.write_text(text)
    status, output, errors = with_mount(
        f'mount -t tmpfs -o size=8k tmpfs "{nights}"',
        *(sys.executable, "-m", "harness.cli.main", "nightly", f"--config={checkout.file}"),
        environment={"PLACE": str(nights)},
    )
    assert status == 2, output
    said = [line for line in errors.splitlines() if ".log" not in line]
    assert said[0].startswith("cca: error: the history ")
    assert said[1].startswith("hint: free space there")
    assert len(said) == 2


def test_read_only_cache_is_one_error(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    cache.mkdir()
    status, output, errors = with_mount(
        f'mount --bind "{cache}" "{cache}" && mount -o remount,bind,ro "{cache}"',
        *(sys.executable, "-m", "harness.cli.main", "build", "--stack=embedded"),
        environment={"PLACE": str(tmp_path), "CCA_CACHE": str(cache)},
    )
    assert status == 2, output + errors
    assert "Traceback" not in errors
    assert "cca: error: " in errors
    assert str(cache) in errors
    assert "CCA_CACHE" in errors


def full() -> OSError:
    return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def caused(outer: BaseException, inner: BaseException) -> BaseException:
    outer.__cause__ = inner
    return outer


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (full(), "No space left on device"),
        (caused(HarnessError("x"), full()), "No space left on device"),
        (BaseExceptionGroup("x", [ValueError(), full()]), "No space left on device"),
        (TranscriptError("cannot write: Read-only file system"), "Read-only file system"),
        (AssertionError("No space left on device"), ""),
        (OSError(errno.EACCES, "x"), ""),
        (None, ""),
    ],
)
def test_full_disk_is_told_from_other_errors(error: BaseException | None, why: str) -> None:
    assert reason(error) == why
