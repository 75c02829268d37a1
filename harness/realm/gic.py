# SPDX-License-Identifier: BSD-3-Clause
"""Words of the GICv3 virtual CPU interface that a host hands to a REC and gets back.

Layouts: GIC architecture specification (IHI 0069), ICH_LR<n>_EL2, ICH_MISR_EL2,
ICH_VMCR_EL2. Which bits a host may use: RMM specification, GICv3.
"""

from __future__ import annotations

from enum import IntEnum

from harness.abi import Bitfield, Bits, tables

HCR = tables().bitfield("ICH_HCR_EL2_permitted")
"""Bits of enter.gicv3_hcr that the host may set."""

EOI_COUNT = Bits("EOIcount", 31, 27)
"""The bits that exit.gicv3_hcr has in addition."""

LR = Bitfield(
    "ICH_LR_EL2",
    64,
    (
        Bits("State", 63, 62),
        Bits("HW", 61, 61),
        Bits("Group", 60, 60),
        Bits("RES0", 59, 56),
        Bits("Priority", 55, 48),
        Bits("pINTID", 44, 32),
        Bits("EOI", 41, 41),
        Bits("vINTID", 31, 0),
    ),
)

MISR = Bitfield(
    "ICH_MISR_EL2",
    64,
    (
        Bits("EOI", 0, 0),
        Bits("U", 1, 1),
        Bits("LRENP", 2, 2),
        Bits("NP", 3, 3),
        Bits("VGrp0E", 4, 4),
        Bits("VGrp0D", 5, 5),
        Bits("VGrp1E", 6, 6),
        Bits("VGrp1D", 7, 7),
    ),
)

VMCR = Bitfield(
    "ICH_VMCR_EL2",
    64,
    (
        Bits("VPMR", 31, 24),
        Bits("VBPR0", 23, 21),
        Bits("VBPR1", 20, 18),
        Bits("VEOIM", 9, 9),
        Bits("VENG1", 1, 1),
        Bits("VENG0", 0, 0),
    ),
)

VIRTUAL_TIMER_INTID = 27
PHYSICAL_TIMER_INTID = 30
HYPERVISOR_TIMER_INTID = 26
MAINTENANCE_INTID = 25
"""Private interrupts as the server base system architecture assigns them."""


class LrState(IntEnum):
    """State of the interrupt in a list register."""

    INVALID = 0
    PENDING = 1
    ACTIVE = 2
    PENDING_ACTIVE = 3


def list_register(
    intid: int, state: LrState = LrState.PENDING, *, priority: int = 0xA0, **bits: int
) -> int:
    """A list register with a group 1 virtual interrupt; ``bits`` name further fields."""
    words = {"State": int(state), "Group": 1, "Priority": priority, "vINTID": intid, **bits}
    return LR.encode(**words)


def lr_state(word: int) -> LrState:
    """State of the interrupt in a list register as an exit shows it."""
    return LrState(LR.bits("State").get(word))
