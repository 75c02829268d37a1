# SPDX-License-Identifier: BSD-3-Clause
"""The parameter pages of RMI commands, decoded once a call."""

from __future__ import annotations

import functools
import struct
from dataclasses import dataclass

from harness.abi import tables

_T = tables()
_REALM_FLAGS = _T.bitfield("RmiRealmFlags")
_REC_FLAGS = _T.bitfield("RmiRecCreateFlags")
_ENTER_FLAGS = _T.bitfield("RmiRecEnterFlags")
_MPIDR = _T.bitfield("RmiRecMpidr")
GPRS = 31


@functools.cache
def _place(structure: str, name: str) -> slice:
    field = _T.struct(structure).field(name)
    return slice(field.offset, field.offset + field.size)


def number(structure: str, name: str, data: bytes) -> int:
    """Return an unsigned integer field."""
    return int.from_bytes(data[_place(structure, name)], "little")


def words(structure: str, name: str, data: bytes) -> tuple[int, ...]:
    """Return a field that is an array of 64-bit words."""
    place = _place(structure, name)
    return struct.unpack_from(f"<{(place.stop - place.start) // 8}Q", data, place.start)


def signed(word: int, bits: int = 64) -> int:
    """Read a register or field as a two's complement number."""
    return word - (1 << bits) if word >> (bits - 1) & 1 else word


@dataclass(frozen=True, slots=True)
class RealmParams:
    """RmiRealmParams; ``image`` is the page as given."""

    image: bytes
    flags: int
    s2sz: int
    sve_vl: int
    num_bps: int
    num_wps: int
    pmu_num_ctrs: int
    hash_algo: int
    vmid: int
    rtt_base: int
    rtt_level_start: int
    rtt_num_start: int

    @classmethod
    def decode(cls, image: bytes) -> RealmParams:
        """Decode a page."""
        names = [name for name in cls.__slots__ if name != "image"]
        values = {name: number("RmiRealmParams", name, image) for name in names}
        values["rtt_level_start"] = signed(values["rtt_level_start"])
        return cls(image=image, **values)

    def has(self, flag: str) -> bool:
        """A realm flag is set."""
        return bool(self.flags & _REALM_FLAGS.bits(flag).mask)

    @property
    def rpv(self) -> bytes:
        """Realm personalisation value."""
        field = _T.struct("RmiRealmParams").field("rpv")
        return self.image[field.offset : field.offset + field.size]


@dataclass(frozen=True, slots=True)
class RecParams:
    """RmiRecParams; ``image`` is the page as given."""

    image: bytes
    flags: int
    mpidr: int
    pc: int
    num_aux: int

    @classmethod
    def decode(cls, image: bytes) -> RecParams:
        """Decode a page."""
        names = ("flags", "mpidr", "pc", "num_aux")
        return cls(image, *(number("RmiRecParams", name, image) for name in names))

    @property
    def is_runnable(self) -> bool:
        """The REC is to be created runnable."""
        return bool(self.flags & _REC_FLAGS.bits("RUNNABLE").mask)

    @property
    def gprs(self) -> tuple[int, ...]:
        """x0..x7 at the start."""
        return words("RmiRecParams", "gprs", self.image)

    @property
    def aux(self) -> tuple[int, ...]:
        """The auxiliary granules; as many as there is room for, when too many are named."""
        return words("RmiRecParams", "aux", self.image)[: self.num_aux]


def rec_index(mpidr: int) -> int | None:
    """REC index of an RmiRecMpidr; None when reserved bits are set."""
    part = _MPIDR.decode(mpidr)
    if part["MBZ"] or part["MBZ2"]:
        return None
    return part["AFF0"] | part["AFF1"] << 4 | part["AFF2"] << 12 | part["AFF3"] << 20


def mpidr_of(index: int) -> int:
    """RmiRecMpidr of a REC index."""
    parts = {"AFF0": index & 0xF, "AFF1": index >> 4 & 0xFF, "AFF2": index >> 12 & 0xFF}
    return _MPIDR.encode(**parts, AFF3=index >> 20 & 0xFF)


@dataclass(frozen=True, slots=True)
class EnterArea:
    """RmiRecEnter."""

    image: bytes
    flags: int
    gicv3_hcr: int

    @classmethod
    def decode(cls, page: bytes) -> EnterArea:
        """Decode the first half of a run page."""
        names = ("flags", "gicv3_hcr")
        return cls(page, *(number("RmiRecEnter", name, page) for name in names))

    def has(self, flag: str) -> bool:
        """An entry flag is set."""
        return bool(self.flags & _ENTER_FLAGS.bits(flag).mask)

    @property
    def gprs(self) -> tuple[int, ...]:
        """The 31 registers that the host hands over."""
        return words("RmiRecEnter", "gprs", self.image)

    @property
    def lrs(self) -> tuple[int, ...]:
        """The list registers."""
        return words("RmiRecEnter", "gicv3_lrs", self.image)
