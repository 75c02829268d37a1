# SPDX-License-Identifier: BSD-3-Clause
"""Installs the packages of requirements that are not met; nothing when all are."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

from harness.errors import ProvisionError
from harness.provision.requirements import (
    how_to_get,
    missing,
    program_version_line,
)


class Reporter(Protocol):
    """Where the steps are shown."""

    def begin(self, step: str) -> None:
        """A step has begun."""

    def end(self, step: str, outcome: str) -> None:
        """A step is over."""


def install_missing(names: Iterable[str], apt_dir: Path, reporter: Reporter) -> None:
    """Install what is missing. Raises ProvisionError, also where $CCA_NO_INSTALL forbids it."""
    wanted = list(names)
    lacking = missing(wanted)
    if not lacking:
        return
    nameless = [r.name for r in lacking if not r.package]
    if nameless:
        raise ProvisionError(
            f"missing {', '.join(nameless)}, and no Debian package is known to bring it",
            hint="install it, or put its folder on PATH",
        )
    if os.environ.get("CCA_NO_INSTALL"):
        raise ProvisionError(
            f"missing {', '.join(r.name for r in lacking)}, and CCA_NO_INSTALL forbids to install",
            hint=how_to_get(lacking),
        )
    packages = sorted({r.package for r in lacking})
    step = f"install {' '.join(packages)}"
    reporter.begin(step)
    outcome = "failed"
    try:
        _install(packages, apt_dir)
        outcome = "installed"
    finally:
        reporter.end(step, outcome)
    program_version_line.cache_clear()
    left = missing(wanted)
    if left:
        raise ProvisionError(
            f"still missing after the installation: {', '.join(r.name for r in left)}",
            hint="is another copy of it earlier on PATH?",
        )


def _install(packages: list[str], apt_dir: Path) -> None:
    from harness.provision.apt import install

    install(packages, apt_dir)
