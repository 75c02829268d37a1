# SPDX-License-Identifier: BSD-3-Clause
"""Tells the tap where in QEMU memory without a file is, once QEMU can be asked."""

from __future__ import annotations

import os
import re
from collections.abc import Callable

from harness.errors import LaunchError
from harness.machine.ram import RAM_BASE

_ADDRESS = re.compile(r" is (0x[0-9a-f]+)")


class RamAddress:
    """A file for one address, which QEMU inherits by descriptor and the tap reads."""

    def __init__(self) -> None:
        self.fd = os.memfd_create("cca-ram-address", os.MFD_CLOEXEC)

    def tell(self, monitor: Callable[[str], object]) -> None:
        """Ask QEMU's monitor and write the answer for the tap. Raises ``LaunchError``."""
        said = monitor(f"gpa2hva {RAM_BASE:#x}")
        found = _ADDRESS.search(str(said))
        if found is None:
            raise LaunchError(
                f"QEMU does not say where the machine's RAM is: {said}",
                hint="--no-tap does without; the tap's copies of structures need it",
            )
        os.pwrite(self.fd, int(found[1], 16).to_bytes(8, "little"), 0)

    def close(self) -> None:
        """Give the file back. Idempotent."""
        fd, self.fd = self.fd, -1
        if fd >= 0:
            os.close(fd)
