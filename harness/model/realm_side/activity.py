# SPDX-License-Identifier: BSD-3-Clause
"""What a realm can do, in the words of the in-tree payload's commands.

READ, WRITE, FETCH, TOUCH, FILL, SUM → :class:`Access` (one each access); SMC → :class:`Smc`;
EXECUTE → whichever of these the instruction is. A report of the payload is itself an
``Smc`` of RSI_HOST_CALL.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

_REGISTER_BYTES = 8


class Kind(StrEnum):
    """Kind of a memory access."""

    READ = "READ"
    WRITE = "WRITE"
    FETCH = "FETCH"


@dataclass(frozen=True, slots=True)
class Access:
    """A memory access with stage 1 out of the way.

    ``has_syndrome`` is ISV: a single general register and no write-back. ``register_bits``
    and ``sign_extend`` describe the load, ``value`` what a store writes. ``needs_normal``:
    Device memory does not take it, whatever its address (DC ZVA).
    """

    ipa: int
    kind: Kind = Kind.READ
    width_bytes: int = 8
    value: int = 0
    has_syndrome: bool = True
    register_bits: int = 64
    sign_extend: bool = False
    needs_normal: bool = False

    @property
    def is_for_device(self) -> bool:
        """Device memory takes it: aligned to its registers' width, of which a pair has two."""
        return not self.needs_normal and self.ipa % min(self.width_bytes, _REGISTER_BYTES) == 0


@dataclass(frozen=True, slots=True)
class Smc:
    """An SMC with x0..; ``page`` is the structure that RSI_HOST_CALL's x1 points to."""

    x: tuple[int, ...]
    page: bytes = b""

    def arg(self, register: int) -> int:
        """A register; those not given are zero."""
        return self.x[register] if register < len(self.x) else 0


@dataclass(frozen=True, slots=True)
class Hvc:
    """An HVC."""


@dataclass(frozen=True, slots=True)
class Wait:
    """WFI, or WFE."""

    is_wfe: bool = False


@dataclass(frozen=True, slots=True)
class GicAccess:
    """A trapped GIC system register access: ``iss`` without Rt, the value it writes."""

    iss: int
    value: int = 0

    @property
    def is_read(self) -> bool:
        """Direction, ISS bit 0."""
        return bool(self.iss & 1)


@dataclass(frozen=True, slots=True)
class Interrupt:
    """A physical interrupt for the host arrives while the realm runs."""

    is_fiq: bool = False


Activity = Access | Smc | Hvc | Wait | GicAccess | Interrupt
