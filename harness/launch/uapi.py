# SPDX-License-Identifier: BSD-3-Clause
"""Generations of KVM's interface for realms, and which series of the host patches has which.

Until v11 a VMM makes a realm step by step through a capability; from v12 on the kernel does
all of it at the first run. Numbers of capabilities moved with every rebase: none stand here.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Uapi:
    """What a generation lets a VMM do.

    ``steps`` are the sub-commands in the order in which VMMs issue them; ``type_bit`` marks
    a realm in the type of KVM_CREATE_VM.
    """

    name: str
    steps: tuple[str, ...]
    chooses_measurement: bool
    """Hash algorithm and RPV can be chosen."""
    restricted_mem: bool
    """kvmtool wants ``--restricted_mem`` to put the realm's memory into a guest_memfd."""

    @property
    def explicit(self) -> bool:
        """Whether the VMM itself creates, populates and activates."""
        return "ACTIVATE_REALM" in self.steps


EXPLICIT = Uapi(
    name="explicit",
    steps=(
        "CONFIG_REALM",
        "CREATE_REALM",
        "INIT_RIPAS_REALM",
        "POPULATE_REALM",
        "VCPU_FINALIZE",
        "ACTIVATE_REALM",
    ),
    chooses_measurement=True,
    restricted_mem=True,
)

MINIMAL = Uapi(
    name="minimal",
    steps=("RMI_POPULATE",),
    chooses_measurement=False,
    restricted_mem=False,
)


@dataclass(frozen=True, slots=True)
class Series:
    """One posting of the KVM host patches."""

    version: int
    uapi: Uapi
    capability: str
    rmm: str
    type_bit: int
    certain: bool = True
    """Whether bit and capability were seen in the series itself."""


_RME, _RMI = "KVM_CAP_ARM_RME", "KVM_CAP_ARM_RMI"

SERIES: tuple[Series, ...] = (
    *(Series(version, EXPLICIT, _RME, "1.0", 8) for version in range(5, 11)),
    Series(11, EXPLICIT, _RMI, "1.0", 8, certain=False),
    Series(12, MINIMAL, _RMI, "1.0", 8),
    Series(13, MINIMAL, _RMI, "2.0", 8, certain=False),
    Series(14, MINIMAL, _RMI, "2.0", 30, certain=False),
    Series(15, MINIMAL, _RMI, "2.0", 30, certain=False),
)

TYPE_BITS: tuple[int, ...] = tuple(sorted({series.type_bit for series in SERIES}))
"""Bits that may mark a realm; which one a host takes is found by trying."""


def uapi_of(rmi_version: str, *, populate_ioctl: bool | None = None) -> Uapi:
    """The generation of a host by the RMI version that it negotiated.

    RMI 1.0 was spoken by both generations (v12 is minimal); ``populate_ioctl`` decides where
    it is known.
    """
    if populate_ioctl is not None:
        return MINIMAL if populate_ioctl else EXPLICIT
    return EXPLICIT if rmi_version.startswith("1.") else MINIMAL
