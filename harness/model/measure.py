# SPDX-License-Identifier: BSD-3-Clause
"""Realm measurements (state-machines.md 5): what is hashed into RIM and REMs."""

from __future__ import annotations

import hashlib
import struct

from harness.abi import tables

_T = tables()
_SHA_512 = _T.enum("RmiHashAlgorithm")["SHA_512"]
SLOT_BYTES = 64
ZERO_SLOT = bytes(SLOT_BYTES)
_REALM_FIELDS = ("flags", "s2sz", "sve_vl", "num_bps", "num_wps", "pmu_num_ctrs", "hash_algo")
_REC_FIELDS = ("flags", "pc", "gprs")
_DATA, _REC, _RIPAS = 0, 1, 2


def digest_bytes(algorithm: int) -> int:
    """Length of a digest."""
    return 64 if algorithm == _SHA_512 else 32


def digest(algorithm: int, data: bytes) -> bytes:
    """H(data), left aligned in a 64-byte slot."""
    hasher = hashlib.sha512 if algorithm == _SHA_512 else hashlib.sha256
    return hasher(data).digest().ljust(SLOT_BYTES, b"\0")


def initial_rim(algorithm: int, realm_params: bytes) -> bytes:
    """RIM after RMI_REALM_CREATE."""
    return digest(algorithm, _only("RmiRealmParams", _REALM_FIELDS, realm_params))


def with_data(algorithm: int, rim: bytes, ipa: int, flags: int, content: bytes | None) -> bytes:
    """RIM after RMI_DATA_CREATE; ``content`` None when it is not measured."""
    measured = ZERO_SLOT if content is None else digest(algorithm, content)
    return _extended(algorithm, rim, _DATA, struct.pack("<QQ", ipa, flags) + measured)


def with_rec(algorithm: int, rim: bytes, rec_params: bytes) -> bytes:
    """RIM after RMI_REC_CREATE of a runnable REC."""
    image = _only("RmiRecParams", _REC_FIELDS, rec_params)
    return _extended(algorithm, rim, _REC, digest(algorithm, image))


def with_ripas(algorithm: int, rim: bytes, base: int, top: int) -> bytes:
    """RIM after RMI_RTT_INIT_RIPAS processed one entry."""
    return _extended(algorithm, rim, _RIPAS, struct.pack("<QQ", base, top))


def extended_rem(algorithm: int, rem: bytes, value: bytes) -> bytes:
    """REM after RSI_MEASUREMENT_EXTEND."""
    return digest(algorithm, rem[: digest_bytes(algorithm)] + value)


def _only(structure: str, names: tuple[str, ...], image: bytes) -> bytes:
    layout = _T.struct(structure)
    kept = bytearray(layout.size)
    for name in names:
        field = layout.field(name)
        part = slice(field.offset, field.offset + field.size)
        kept[part] = image[part]
    return bytes(kept)


def _offset(name: str) -> int:
    return _T.struct("MeasurementDescriptorData").field(name).offset


_SIZE_BYTES = _T.struct("MeasurementDescriptorData").size
_HEADER = struct.Struct(f"<B{_offset('len') - 1}xQ{SLOT_BYTES}s")


def _extended(algorithm: int, rim: bytes, kind: int, rest: bytes) -> bytes:
    """H of a descriptor; the three kinds have the same header, ``rest`` follows it."""
    descriptor = _HEADER.pack(kind, _SIZE_BYTES, rim) + rest
    return digest(algorithm, descriptor.ljust(_SIZE_BYTES, b"\0"))
