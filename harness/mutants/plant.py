# SPDX-License-Identifier: BSD-3-Clause
"""A copy of the RMM's sources with a fault in it, built; the tree itself is never touched."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from harness.errors import BuildError
from harness.mutants.patches import Fault
from harness.stack import Cache, Progress, load_stack
from harness.stack.components import BuildContext, build_component

_TAIL_LINES = 15


@dataclass(frozen=True, slots=True)
class Planted:
    """The RMM with the fault: image and ELF, in the cache."""

    image: Path
    elf: Path

    def settings(self) -> list[str]:
        """What makes a stack boot it."""
        return [f"--set=rmm.image={self.image}", f"--set=rmm.elf={self.elf}"]


def plant(fault: Fault, checkout: Path, folder: Path) -> Planted:
    """Build the RMM with a fault, using ``folder``; from the cache if it was built before.

    BuildError if the patch does not fit the tree as it is, or does not compile.
    """
    shutil.copytree(checkout / "images", folder / "images")
    command = ["patch", "-p1", "--no-backup-if-mismatch", "-F0", "-i", str(fault.patch)]
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
    )
    if done.returncode != 0:
        tail = "\n".join((done.stdout + done.stderr).splitlines()[-_TAIL_LINES:])
        raise BuildError(
            f"{fault.name}: the patch does not fit, status {done.returncode}:\n{tail}",
            hint="make it anew against the sources as they are",
        )
    rmm = load_stack("embedded").components["rmm"]
    built = build_component(rmm, BuildContext(Cache(), Progress(), folder))
    return Planted(built.outputs["image"], built.outputs["elf"])
