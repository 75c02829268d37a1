# SPDX-License-Identifier: BSD-3-Clause
"""The steps of a random script: what the host does, and what it has a realm do."""

from __future__ import annotations

from dataclasses import dataclass

from harness.abi import tables
from harness.model import Access, GicAccess, Hvc, Smc, Wait

Fields = tuple[tuple[str, int | tuple[int, ...]], ...]
"""Contents of a parameter page: fields by name, the rest is zero."""


@dataclass(frozen=True, slots=True)
class Nap:
    """The realm spins until it is interrupted or told to go on: its REC stays RUNNING."""


@dataclass(frozen=True, slots=True)
class Nop:
    """The realm does nothing and reports."""


NOP = Nop()

Deed = Access | Smc | Hvc | Wait | GicAccess | Nap | Nop
"""What the host tells the realm's program to do."""

PAGES_OF = {
    "RMI_REALM_CREATE": ("params_ptr", "RmiRealmParams"),
    "RMI_REC_CREATE": ("params_ptr", "RmiRecParams"),
    "RMI_REC_ENTER": ("run_ptr", "RmiRecEnter"),
}
"""Which argument of a command points to a page, and the structure in it."""


@dataclass(frozen=True, slots=True)
class Issue:
    """An RMI call on a PE; ``fields`` are written to its parameter page before.

    RMI_REC_ENTER only: ``deed`` is the command for a program that waits for one, and
    ``irq`` has an interrupt for the host pending.
    """

    name: str
    args: tuple[int, ...]
    pe: int = 0
    fields: Fields = ()
    deed: Deed = NOP
    irq: bool = False

    @property
    def fid(self) -> int:
        """Function id; the name of a function that there is not is its id."""
        return int(self.name, 16) if self.name[:2] == "0x" else tables().command(self.name).fid


@dataclass(frozen=True, slots=True)
class Peek:
    """The host reads the first word of a granule."""

    pa: int
    pe: int = 0


@dataclass(frozen=True, slots=True)
class Wake:
    """End the nap of the REC that runs on a PE: by an interrupt, or by telling the realm."""

    pe: int
    irq: bool = True


Step = Issue | Peek | Wake


@dataclass(frozen=True, slots=True)
class Script:
    """Steps from a named start (see :mod:`harness.oracle.scenes`)."""

    scene: str
    steps: tuple[Step, ...]
