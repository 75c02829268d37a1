# SPDX-License-Identifier: BSD-3-Clause
"""What the model has to know of the machine: memory, features, and known deviations.

Nothing here has a default that belongs to one machine; whoever builds a model says what
the RMM reported (feature register 0) and which memory it manages.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from harness.abi import tables

_FEATURES = tables().bitfield("RmiFeatureRegister0")
MAX_AUX_GRANULES = len(range(0, tables().struct("RmiRecParams").field("aux").size, 8))
NO_LPA2_PA_BITS = 48


class Pas(StrEnum):
    """Physical address space of memory that nobody delegated."""

    NS = "NS"
    REALM = "REALM"
    SECURE = "SECURE"
    ROOT = "ROOT"


@dataclass(frozen=True, slots=True)
class Region:
    """[base, top) with one PAS; ``tracked`` when the RMM counts it as delegable DRAM."""

    base: int
    top: int
    pas: Pas = Pas.NS
    tracked: bool = True


@dataclass(frozen=True, slots=True)
class Layout:
    """The physical memory map; where regions overlap, the first one counts."""

    regions: tuple[Region, ...]

    def region(self, pa: int) -> Region | None:
        """The region that an address lies in; None where there is nothing."""
        for region in self.regions:
            if region.base <= pa < region.top:
                return region
        return None

    def is_tracked(self, pa: int) -> bool:
        """The address is DRAM that the RMM can manage."""
        region = self.region(pa)
        return region is not None and region.tracked

    def is_ns(self, pa: int) -> bool:
        """The address is Non-secure unless it was delegated."""
        region = self.region(pa)
        return region is not None and region.pas is Pas.NS


KNOWN_UNCHECKED = frozenset({("RSI_IPA_STATE_SET", "flags_valid")})
"""Conditions of the tables that TF-RMM 1.0-rel0, by the tables' own words, does not check."""


@dataclass(frozen=True, slots=True)
class Platform:
    """Machine and RMM as the model sees them.

    ``features`` is feature register 0. ``aux_granules`` is what RMI_REC_AUX_COUNT says,
    ``rec_limit`` the RECs that a realm may have (None: 2^MAX_RECS_ORDER), ``pa_bits`` the
    implemented PA range, ``lr_priority_bits`` the priority bits of a list register;
    ``has_attestation`` says that realms get tokens. ``unchecked`` names conditions that this
    RMM is known not to check.
    """

    layout: Layout
    features: int
    aux_granules: int = 0
    rec_limit: int | None = None
    vmid_bits: int = 16
    pa_bits: int = NO_LPA2_PA_BITS
    has_hpmn0: bool = False
    lr_priority_bits: int = 5
    lr_extended_intids: bool = False
    traps_wfe: bool = True
    has_attestation: bool = True
    unchecked: frozenset[tuple[str, str]] = KNOWN_UNCHECKED
    _decoded: Mapping[str, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_decoded", _FEATURES.decode(self.features))

    def feature(self, name: str) -> int:
        """Return one field of feature register 0."""
        return self._decoded[name]

    @property
    def max_recs(self) -> int:
        """RECs that one realm may have."""
        if self.rec_limit is not None:
            return self.rec_limit
        return int(1 << self.feature("MAX_RECS_ORDER"))

    @property
    def list_registers(self) -> int:
        """GIC list registers that the RMM looks at."""
        return self.feature("GICV3_NUM_LRS") + 1
