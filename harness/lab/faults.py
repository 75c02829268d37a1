# SPDX-License-Identifier: BSD-3-Clause
"""What can be wrong with a lab: none of it says anything about what is being tested."""

from __future__ import annotations

from harness.errors import HarnessError


class LabFault(HarnessError):
    """The lab failed a test: the lease was lost, a serial server died, a board hangs.

    ``place`` is the board's name. ``broken`` tells whether the board itself is to be left alone
    for a while; a lease that somebody took away says nothing against the board.
    """

    verdict = "lab"

    def __init__(
        self, message: str, *, hint: str = "", place: str = "", broken: bool = False
    ) -> None:
        super().__init__(message, hint=hint)
        self.place = place
        self.broken = broken


class NoPlace(LabFault):
    """No place of the lab could be had: the lab is not there, or all of it is taken."""


class LabSettingsError(HarnessError):
    """The file given with ``--lab`` is not what it must be."""


class NotOnBoard(HarnessError):
    """A test wants what only a virtual machine has."""
