# SPDX-License-Identifier: BSD-3-Clause
"""Which RMM_BOOT_COMPLETE is a boot: the RMM says it too on each CPU that PSCI_CPU_ON starts."""

from __future__ import annotations

from harness.abi import tables
from harness.tap.events import Call, Return

BOOTED = tables().command("RMM_BOOT_COMPLETE").fid
CPU_ON = tables().command("PSCI_CPU_ON").fid


class Boots:
    """Counts the CPUs that are on their way."""

    def __init__(self) -> None:
        self._starting = 0
        self._sure = True

    def host(self, event: Call | Return) -> None:
        """The host makes a PSCI_CPU_ON, or has made one."""
        if isinstance(event, Call):
            self._starting += 1
        elif event.call is not None and not event.ok:
            self._starting -= 1

    def is_cold(self) -> bool:
        """The RMM has booted: is it the whole machine? After a loss nobody can know."""
        if self._starting:
            self._starting -= 1
            return False
        return self._sure

    def lost(self) -> None:
        """Records are missing."""
        self._sure, self._starting = False, 0
