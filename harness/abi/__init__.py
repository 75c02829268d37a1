# SPDX-License-Identifier: BSD-3-Clause
"""The specification as data: tables, structure codecs, the C header made from them."""

from harness.abi.codec import StructCodec, Value, codec
from harness.abi.entries import Bitfield, Bits, Command, Condition, Field, Struct, Tables, lookup
from harness.abi.tables import tables

__all__ = [
    "Bitfield",
    "Bits",
    "Command",
    "Condition",
    "Field",
    "Struct",
    "StructCodec",
    "Tables",
    "Value",
    "codec",
    "lookup",
    "tables",
]
