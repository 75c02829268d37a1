# SPDX-License-Identifier: BSD-3-Clause
"""What a realm on a Linux host is to be like: one frozen object for every launcher.

A field that is None is left to the launcher. Every other value is either expressed on the
launcher's command line or refused (``OptionRefused``): nothing is dropped silently.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from enum import StrEnum

from harness.errors import RealmError
from harness.types import GRANULE_BYTES

MIB = 1 << 20
RPV_MAX_BYTES = 64
SWIOTLB_SLOT_BYTES = 2048
"""Unit of Linux's command-line parameter ``swiotlb=``."""


class RealmConfigError(RealmError):
    """A realm was asked for that no launcher could make."""


class HashAlgorithm(StrEnum):
    """What the RMM measures with (RmiHashAlgorithm), as VMMs spell it."""

    SHA_256 = "sha256"
    SHA_512 = "sha512"


class ConsoleKind(StrEnum):
    """Device behind the realm's console."""

    SERIAL = "serial"
    VIRTIO = "virtio"


class NetworkKind(StrEnum):
    """How the realm is connected."""

    NONE = "none"
    USER = "user"


@dataclass(frozen=True, slots=True, kw_only=True)
class RealmConfig:
    """Files are paths on the host. Sizes are in bytes, the SVE vector length in bits.

    ``kernel`` is a Linux guest's Image; without one ``realm-run`` runs the realm payload, its own
    or ``payload``. ``page_size_bytes`` is that of the pages behind the realm's memory.
    ``shared_bytes`` is shared with the host: bounce buffers of a Linux realm.
    ``sve_vl_bits`` 0 turns SVE off. ``script`` are commands for the realm payload, ``extra``
    words of the launcher's own, put at the end as they are. Raises ``RealmConfigError``.
    """

    kernel: str | None = None
    payload: str | None = None
    initrd: str | None = None
    measured_initrd: bool = True
    command_line: str = ""
    memory_bytes: int = 128 * MIB
    recs: int = 1
    page_size_bytes: int = GRANULE_BYTES
    sve_vl_bits: int | None = None
    pmu_counters: int | None = None
    breakpoints: int | None = None
    watchpoints: int | None = None
    hash_algorithm: HashAlgorithm | None = None
    rpv: bytes = b""
    console: ConsoleKind = ConsoleKind.SERIAL
    disk: str | None = None
    network: NetworkKind = NetworkKind.NONE
    shared_bytes: int | None = None
    script: str = ""
    trace: bool = False
    extra: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _require(self.recs >= 1, "recs", self.recs, "at least 1")
        aligned = self.memory_bytes > 0 and self.memory_bytes % GRANULE_BYTES == 0
        _require(aligned, "memory_bytes", self.memory_bytes, "whole granules of 4096 bytes")
        pages = (4096, 16384, 65536, 2 * MIB, 32 * MIB, 512 * MIB, 1024 * MIB)
        _require(
            self.page_size_bytes in pages,
            "page_size_bytes",
            self.page_size_bytes,
            f"one of {pages}",
        )
        _require(len(self.rpv) <= RPV_MAX_BYTES, "rpv", self.rpv, f"up to {RPV_MAX_BYTES} bytes")
        vl = self.sve_vl_bits
        _require(
            vl is None or (vl % 128 == 0 and 0 <= vl <= 2048),
            "sve_vl_bits",
            vl,
            "0 or a multiple of 128 up to 2048",
        )
        _within("pmu_counters", self.pmu_counters, 0, 31)
        _within("breakpoints", self.breakpoints, 1, 64)
        _within("watchpoints", self.watchpoints, 1, 64)
        shared = self.shared_bytes
        _require(
            shared is None or (shared > 0 and shared % GRANULE_BYTES == 0),
            "shared_bytes",
            shared,
            "whole granules of 4096 bytes",
        )
        _require(
            self.measured_initrd or self.initrd is not None,
            "measured_initrd",
            self.measured_initrd,
            "an initrd that is not measured: there is none at all",
        )

    def departs(self, name: str) -> bool:
        """Tell whether a field has another value than its default."""
        return bool(getattr(self, name) != DEFAULTS[name])


FIELDS: tuple[str, ...] = tuple(field.name for field in dataclasses.fields(RealmConfig))
DEFAULTS = {field.name: field.default for field in dataclasses.fields(RealmConfig)}


def _require(holds: bool, name: str, value: object, wanted: str) -> None:
    if not holds:
        raise RealmConfigError(f"{name} is {value!r}, wanted {wanted}")


def _within(name: str, value: int | None, low: int, high: int) -> None:
    _require(value is None or low <= value <= high, name, value, f"{low} to {high}")
