# SPDX-License-Identifier: BSD-3-Clause
"""Boards of a lab: labgrid places, leased, powered, and driven over their exported serial ports.

``lease`` and ``place`` are what a test session uses. Only the ``agent``, a process of its own,
imports labgrid and talks to its coordinator. ``board`` is a board made of a QEMU, to try all
of it on one machine.
"""

from harness.lab.faults import LabFault, LabSettingsError, NoPlace, NotOnBoard
from harness.lab.lease import Lease, LeaseOrder, check_lab
from harness.lab.place import LabBoard

__all__ = [
    "LabBoard",
    "LabFault",
    "LabSettingsError",
    "Lease",
    "LeaseOrder",
    "NoPlace",
    "NotOnBoard",
    "check_lab",
]
