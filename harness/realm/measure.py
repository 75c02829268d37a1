# SPDX-License-Identifier: BSD-3-Clause
"""What the RMM must measure, computed in Python from the same parameters.

RMM specification, Realm measurement; layouts of the descriptors from the tables.
"""

from __future__ import annotations

import hashlib

from harness.abi import codec, tables
from harness.rmi import HashAlgo
from harness.types import Ipa

_RUNNABLE = tables().bitfield("RmiRecCreateFlags").bits("RUNNABLE").mask
_MEASURE = tables().bitfield("RmiDataFlags").bits("MEASURE_CONTENT").mask
_SLOT_BYTES = 64
_MEASURED_REALM_FIELDS = (
    "flags",
    "s2sz",
    "sve_vl",
    "num_bps",
    "num_wps",
    "pmu_num_ctrs",
    "hash_algo",
)
_MEASURED_REC_FIELDS = ("flags", "pc", "gprs")


class Measurements:
    """RIM and REMs of one realm, fed with the same steps as the RMM."""

    def __init__(self, algorithm: HashAlgo, realm_params: bytes) -> None:
        self._algorithm = algorithm
        layout = codec("RmiRealmParams")
        params = layout.unpack(realm_params)
        measured = layout.encode(**{n: params[n] for n in _MEASURED_REALM_FIELDS})
        self.rim = self._hash(measured)
        self.rems = [b"\0" * _SLOT_BYTES] * 4

    def data_create(self, ipa: Ipa | int, content: bytes, flags: int) -> None:
        """RMI_DATA_CREATE succeeded."""
        measured = self._hash(content) if flags & _MEASURE else b"\0" * _SLOT_BYTES
        self._extend("Data", 0, ipa=int(ipa), flags=flags, content=measured)

    def rec_create(self, rec_params: bytes) -> None:
        """RMI_REC_CREATE succeeded; only runnable RECs are measured."""
        layout = codec("RmiRecParams")
        params = layout.unpack(rec_params)
        flags = params["flags"]
        if isinstance(flags, int) and flags & _RUNNABLE:
            measured = layout.encode(**{n: params[n] for n in _MEASURED_REC_FIELDS})
            self._extend("Rec", 1, content=self._hash(measured))

    def init_ripas(self, base: Ipa | int, top: Ipa | int, entry_size_bytes: int) -> None:
        """RMI_RTT_INIT_RIPAS processed [base, top): one descriptor an entry."""
        for entry in range(int(base), int(top), entry_size_bytes):
            self._extend("Ripas", 2, base=entry, top=entry + entry_size_bytes)

    def extend_rem(self, index: int, value: bytes) -> None:
        """RSI_MEASUREMENT_EXTEND of REM ``index`` (1..4)."""
        old = self.rems[index - 1][: self._digest_bytes]
        self.rems[index - 1] = self._hash(old + value)

    @property
    def _digest_bytes(self) -> int:
        return 64 if self._algorithm is HashAlgo.SHA_512 else 32

    def _hash(self, data: bytes) -> bytes:
        name = "sha512" if self._algorithm is HashAlgo.SHA_512 else "sha256"
        return hashlib.new(name, data).digest().ljust(_SLOT_BYTES, b"\0")

    def _extend(self, kind: str, desc_type: int, **fields: int | bytes) -> None:
        layout = codec(f"MeasurementDescriptor{kind}")
        descriptor = bytearray(layout.layout.size)
        size_bytes = layout.layout.size
        layout.pack(descriptor, 0, {"desc_type": desc_type, "len": size_bytes, "rim": self.rim})
        layout.pack(descriptor, 0, fields)
        self.rim = self._hash(bytes(descriptor))
