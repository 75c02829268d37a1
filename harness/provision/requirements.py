# SPDX-License-Identifier: BSD-3-Clause
"""The tools and headers that builds need, and the Debian package that brings each."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from harness.errors import ProvisionError

INCLUDE_DIRS = (
    *("/usr/include", "/usr/include/x86_64-linux-gnu", "/usr/include/aarch64-linux-gnu"),
    "/usr",  # aarch64-linux-gnu/include: headers of the cross compiler's C library
)
QEMU_PROGRAM = "qemu-system-aarch64"
QEMU_MIN_VERSION = (10, 0)
VERSION_TIMEOUT_S = 10.0
BROWSER = ("chromium", "chromedriver")
"""What tests of HTML pages need, and nothing else."""
FOR_CHECKS = (*BROWSER, "cpio")
"""What only the harness's own tests need."""


@dataclass(frozen=True, slots=True)
class Requirement:
    """A program on PATH, or a header where ``name`` ends in .h, and its package."""

    name: str
    package: str
    min_version: tuple[int, ...] = ()
    script: str = "scripts/regress"
    """What installs it."""

    @property
    def is_header(self) -> bool:
        """Tell whether this is a C header and not a program."""
        return self.name.endswith(".h")


REQUIREMENTS: Mapping[str, Requirement] = {
    r.name: r
    for r in (
        Requirement("aarch64-linux-gnu-gcc", "gcc-aarch64-linux-gnu"),
        Requirement("gcc", "gcc"),
        Requirement("stdio.h", "libc6-dev"),
        Requirement("aarch64-linux-gnu/include/stdio.h", "libc6-dev-arm64-cross"),
        Requirement("make", "make"),
        Requirement("patch", "patch"),
        Requirement("xz", "xz-utils"),
        Requirement("dtc", "device-tree-compiler"),
        Requirement("dpkg-source", "dpkg-dev"),
        Requirement("dpkg-deb", "dpkg"),
        Requirement("apt-get", "apt"),
        Requirement("openssl/ssl.h", "libssl-dev"),
        Requirement("glib-2.0/glib.h", "libglib2.0-dev"),
        Requirement("cpio", "cpio"),
        Requirement("flex", "flex"),
        Requirement("bison", "bison"),
        Requirement("bc", "bc"),
        Requirement(QEMU_PROGRAM, "qemu-system-arm", QEMU_MIN_VERSION),
        Requirement("qemu-img", "qemu-utils"),
        Requirement("chromium", "chromium", script="scripts/check"),
        Requirement("chromedriver", "chromium-driver", script="scripts/check"),
    )
}


def requirement(name: str) -> Requirement:
    """Look a requirement up; one that is not listed is a program of unknown package."""
    return REQUIREMENTS.get(name, Requirement(name, ""))


def missing(names: Iterable[str]) -> list[Requirement]:
    """Return the requirements that this machine does not meet, in the order given."""
    wanted = [requirement(name) for name in dict.fromkeys(names)]
    return [r for r in wanted if not is_met(r)]


def is_met(wanted: Requirement) -> bool:
    """Tell whether a program or header is there, in a sufficient version."""
    if wanted.is_header:
        return any((Path(folder) / wanted.name).is_file() for folder in INCLUDE_DIRS)
    program = shutil.which(wanted.name)
    if program is None:
        return False
    return not wanted.min_version or program_version(program) >= wanted.min_version


@lru_cache(maxsize=64)
def program_version_line(program: str) -> str:
    """Return the first line of ``program --version``, "" where it gives none in time."""
    try:
        done = subprocess.run(
            [program, "--version"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=VERSION_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    lines = done.stdout.splitlines()
    return lines[0].strip() if lines else ""


def program_version(program: str) -> tuple[int, ...]:
    """Return the version that a program reports, () where it reports none."""
    match = re.search(r"\d+(?:\.\d+)+", program_version_line(program))
    return tuple(int(part) for part in match[0].split(".")) if match else ()


def require(names: Iterable[str], what: str) -> None:
    """Raise ProvisionError, with how to get them, if any requirement is not met."""
    lacking = missing(names)
    if lacking:
        raise ProvisionError(
            f"{what}: missing {', '.join(r.name for r in lacking)}", hint=how_to_get(lacking)
        )


def how_to_get(lacking: Iterable[Requirement]) -> str:
    """Say in one line how missing requirements are to be had."""
    known = [r for r in lacking if r.package]
    if not known:
        return "install it, or put its folder on PATH"
    packages = " ".join(sorted({r.package for r in known}))
    script = max(known, key=lambda r: r.script != "scripts/regress").script
    return f"{script} installs the Debian packages: {packages}"
