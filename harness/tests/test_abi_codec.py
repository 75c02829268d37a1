# SPDX-License-Identifier: BSD-3-Clause
"""Structure codecs: what was packed comes back, what does not fit is named."""

from __future__ import annotations

import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.abi import Field, Struct, Value, codec, tables
from harness.errors import AbiError

LAYOUTS = [(v, name) for v in ("1.0", "2.0") for name in tables(v).structs]


def _values(layout: Struct, version: str) -> st.SearchStrategy[dict[str, Value]]:
    """All fields of a structure, drawn from what its table says about them alone."""
    return st.fixed_dictionaries({f.name: _value(f, version) for f in layout.fields})


def _value(field: Field, version: str) -> st.SearchStrategy[Value]:
    if inner := tables(version).structs.get(field.type):
        return _values(inner, version)
    array = re.fullmatch(r"(\w+)\[(\d+)\]", field.type)
    element, count = (array[1], int(array[2])) if array else (field.type, 1)
    width = 8 * field.size // count
    if (element == "u8" and count > 1) or width > 64:
        return st.binary(min_size=field.size, max_size=field.size)
    if element[0] == "s" and element[1:].isdigit():
        return st.integers(-1 << (width - 1), (1 << (width - 1)) - 1)
    words = st.integers(0, (1 << width) - 1)
    return st.tuples(*[words] * count) if count > 1 else words


@pytest.mark.parametrize(("version", "name"), LAYOUTS)
@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_structure_round_trip(version: str, name: str, data: st.DataObject) -> None:
    subject = codec(name, version)
    values = data.draw(_values(subject.layout, version))
    raw = subject.encode(**values)
    assert len(raw) == subject.layout.size
    assert subject.unpack(raw) == values


def test_fields_lie_at_their_offsets() -> None:
    raw = codec("RmiRealmParams").encode(s2sz=40, rpv=b"me", vmid=0x1234, rtt_base=0x8000_0000)
    assert raw[0x008] == 40
    assert raw[0x400:0x440] == b"me".ljust(64, b"\0")
    assert raw[0x800:0x802] == b"\x34\x12"
    assert raw[0x808:0x810] == (0x8000_0000).to_bytes(8, "little")
    assert codec("RmiRecRun").offset("exit") == 0x800


def test_fields_not_named_are_zero_or_stay() -> None:
    layout = codec("RmiRecEnter")
    assert not any(layout.encode())
    buffer = bytearray(b"\xff" * 8 + bytes(layout.layout.size))
    layout.pack(buffer, 8, {"gprs": (1, 2)})
    assert buffer[:8] == b"\xff" * 8
    assert layout.unpack(buffer, 8)["gprs"] == (1, 2, *[0] * 29)
    layout.pack(buffer, 8, {"flags": 3})
    assert layout.unpack(buffer, 8)["gprs"] == (1, 2, *[0] * 29)


def test_signed_field_takes_both_notations() -> None:
    params = codec("RmiRealmParams")
    for written in (-1, (1 << 64) - 1):
        assert params.unpack(params.encode(rtt_level_start=written))["rtt_level_start"] == -1


def test_nested_structure_by_name() -> None:
    run = codec("RmiRecRun")
    raw = run.encode(exit={"imm": 0xCCA, "gprs": (5,)})
    assert raw[0x800 + 0x600 : 0x800 + 0x602] == b"\xca\x0c"
    assert raw[0x800 + 0x200] == 5


@pytest.mark.parametrize(
    ("struct", "values", "text"),
    [
        ("RmiRealmParams", {"s2sz": 256}, "s2sz is u8, 1 bytes: 0x100 is out of range"),
        ("RmiRealmParams", {"vmid": 1 << 16}, "vmid is u16, 2 bytes: 0x10000 is out of range"),
        ("RmiRealmParams", {"s2sz": -129}, "s2sz is u8, 1 bytes: -0x81 is out of range"),
        ("RmiRealmParams", {"rpv": bytes(65)}, r"rpv is u8\[64\], 64 bytes: 65 bytes given"),
        ("RmiRealmParams", {"rpv": 7}, r"rpv is u8\[64\], 64 bytes: "),
        ("RmiRealmParams", {"s2sz": b"1"}, "s2sz is u8, 1 bytes: bytes given"),
        ("RmiRecEnter", {"gprs": (0,) * 32}, r"gprs is u64\[31\], 248 bytes: "),
        ("RmiRecEnter", {"gprs": (1 << 64,)}, r"gprs is u64\[31\], 248 bytes: "),
        ("RmiRecEnter", {"gprs": 1}, r"gprs is u64\[31\], 248 bytes: int given"),
        ("RmiRecRun", {"exit": {"imm": 1 << 16}}, "imm is u16, 2 bytes: 0x10000 is out of range"),
        ("RmiRecRun", {"exit": 1}, "exit is RmiRecExit, 2048 bytes: int given"),
        ("RmiRecRun", {"exits": {}}, "no field of RmiRecRun named exits\nhint: .*mean exit"),
    ],
)
def test_value_that_does_not_fit(struct: str, values: dict[str, Value], text: str) -> None:
    with pytest.raises(AbiError, match=text):
        codec(struct).encode(**values)


def test_too_few_bytes() -> None:
    with pytest.raises(AbiError, match="RmiRecExit is 2048 bytes, only 2047 given"):
        codec("RmiRecExit").unpack(bytes(2050), 3)


def test_unknown_structure() -> None:
    with pytest.raises(AbiError, match="no structure named RmiRun"):
        codec("RmiRun")
