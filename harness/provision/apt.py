# SPDX-License-Identifier: BSD-3-Clause
"""Runs apt with sources and lists of our own; the machine's stay as they are."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from harness.errors import ProvisionError
from harness.provision.aptconf import (
    QEMU_SUITES,
    SOURCE_SUITE,
    private_sources,
    read_entries,
    release_codename,
)
from harness.provision.space import require_space

LISTS_MAX_AGE_S = 24 * 3600
LISTS_BYTES = 128 << 20  # apt hangs, instead of failing, on a disk that is full
APT_TIMEOUT_S = 1800.0
_TAIL_LINES = 12
_COMPLAINTS = ("W: Failed to fetch", "E: ")


def apt_options(apt_dir: Path) -> list[str]:
    """Return the options that make apt use the sources and lists in ``apt_dir``."""
    settings = {
        "Dir::Etc::SourceList": apt_dir / "debian.sources",
        "Dir::Etc::SourceParts": "-",
        "Dir::State::Lists": apt_dir / "lists",
        "Dir::Cache::pkgcache": "",
        "Dir::Cache::srcpkgcache": "",
        "APT::Sandbox::User": "root",
        "Acquire::Retries": 3,
        "DPkg::Lock::Timeout": 600,
    }
    return [word for key, value in settings.items() for word in ("-o", f"{key}={value}")]


def as_root(command: Sequence[str]) -> list[str]:
    """Prefix a command with sudo where we are not root. Raises ProvisionError without it."""
    if os.geteuid() == 0:
        return list(command)
    if shutil.which("sudo") is None:
        raise ProvisionError(
            "packages must be installed, but this is not root and there is no sudo",
            hint=f"let root run: {' '.join(command)}",
        )
    return ["sudo", *command]


def run_apt(command: Sequence[str], *, what: str, cwd: Path | None = None) -> str:
    """Run apt without questions; return its output. Raises ProvisionError with its last lines."""
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C"}
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            env=env,
            cwd=cwd,
            check=False,
            timeout=APT_TIMEOUT_S,
        )
    except subprocess.TimeoutExpired as error:
        raise ProvisionError(
            f"{what}: not done after {APT_TIMEOUT_S:g} s\n  command: {' '.join(command)}",
            hint="is another apt running, or the network very slow? run the command by hand",
        ) from error
    except FileNotFoundError as error:
        raise ProvisionError(
            f"{what}: {command[0]} is not on this machine",
            hint="packages are installed on Debian 12 or 13 only; elsewhere install them yourself",
        ) from error
    if done.returncode != 0:
        tail = "\n".join(f"  | {line}" for line in done.stdout.splitlines()[-_TAIL_LINES:])
        raise ProvisionError(
            f"{what}: exit status {done.returncode}\n  command: {' '.join(command)}\n{tail}",
            hint="check the network and the mirror in /etc/apt; or install the packages yourself",
        )
    return done.stdout


def update_lists(
    apt_dir: Path, suite: str = SOURCE_SUITE, *, force: bool = False
) -> list[str] | None:
    """Write our sources and fetch their lists; None if they are fresh and nothing was done.

    ``suite`` is where source packages come from. Returns what apt says of lists that it could
    not fetch: it is content with those it has, or none. Raises ProvisionError.
    """
    sources = private_sources(read_entries(), release_codename(), suite)
    file = apt_dir / "debian.sources"
    stamp = apt_dir / "updated"
    try:
        known = file.read_text() if file.is_file() else ""
        fresh = stamp.is_file() and time.time() - stamp.stat().st_mtime < LISTS_MAX_AGE_S
        if known == sources and fresh and not force:
            return None
        require_space(apt_dir, LISTS_BYTES, "package lists")
        (apt_dir / "lists" / "partial").mkdir(parents=True, exist_ok=True)
        file.write_text(sources)
        stamp.unlink(missing_ok=True)
    except OSError as error:
        raise ProvisionError(
            f"{apt_dir} cannot be written: {error.strerror}", hint="set CCA_CACHE to another folder"
        ) from error
    said = run_apt(["apt-get", *apt_options(apt_dir), "update"], what="apt-get update")
    stamp.touch()  # also where a list is missing: who lacks it asks with force
    return [line for line in said.splitlines() if line.startswith(_COMPLAINTS)]


def with_lists(apt_dir: Path, suite: str, action: Callable[[], object]) -> None:
    """Do something with apt; once more with new lists if it failed with those of earlier.

    A mirror drops the files of a version as soon as there is a newer one.
    """
    complaints = update_lists(apt_dir, suite)
    try:
        action()
        return
    except ProvisionError as problem:
        if complaints is not None:
            raise _with_cause(problem, complaints) from None
    complaints = update_lists(apt_dir, suite, force=True)
    try:
        action()
    except ProvisionError as problem:
        raise _with_cause(problem, complaints or []) from None


def _with_cause(problem: ProvisionError, complaints: Sequence[str]) -> ProvisionError:
    """The failure, and before it what the lists lack."""
    if not complaints:
        return problem
    lines = "\n".join(f"  | {line}" for line in complaints[-_TAIL_LINES:])
    return ProvisionError(
        f"apt-get update could not fetch all lists:\n{lines}\n{problem.message}",
        hint=problem.hint,
    )


def install(packages: Sequence[str], apt_dir: Path) -> None:
    """Install packages, QEMU's from the suite that has a new enough one. Raises ProvisionError."""
    newer = QEMU_SUITES.get(release_codename())
    qemu = [p for p in packages if p.startswith("qemu-")]
    others = [p for p in packages if p not in qemu]
    base = ["apt-get", *apt_options(apt_dir), "install", "-y", "--no-install-recommends"]

    def run() -> None:
        for group, options in ((others, []), (qemu, ["-t", newer] if newer else [])):
            if group:
                command = as_root([*base, *options, *group])
                run_apt(command, what=f"installing {' '.join(group)}")

    with_lists(apt_dir, SOURCE_SUITE, run)


def download_source(package: str, version: str, suite: str, into: Path, apt_dir: Path) -> None:
    """Download a source package's files into a folder; needs no root. Raises ProvisionError."""
    words = ["source", "--download-only", "-q", f"{package}={version}"]
    command = ["apt-get", *apt_options(apt_dir), *words]
    what = f"downloading source {package} {version} ({suite})"
    with_lists(apt_dir, suite, lambda: run_apt(command, what=what, cwd=into))
    if not list(into.glob("*.dsc")):
        raise ProvisionError(f"{what}: apt-get left no .dsc file")
