# SPDX-License-Identifier: BSD-3-Clause
"""The ABI tables: they load, contradict nothing, and say what is near to an unknown name."""

from __future__ import annotations

import copy
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

from harness.abi import Tables
from harness.abi import tables as load_tables
from harness.abi.entries import Bits, Register
from harness.abi.tables import _Merge, raw_table
from harness.errors import AbiError

VERSIONS = ("1.0", "2.0")

LEVELS_BY_NAME = {"walk_level", "level", "level-1", "block level"}
"""What a condition may report as index where that is not a constant."""

UNIONS = {"RmiResult"}
"""Words whose bits mean different things under different statuses."""


@pytest.fixture(params=VERSIONS)
def tables(request: pytest.FixtureRequest) -> Tables:
    return load_tables(request.param)


def test_versions_hold_what_they_must(tables: Tables) -> None:
    assert {"RMI_VERSION", "RMI_REC_ENTER", "RSI_HOST_CALL", "RMM_BOOT_COMPLETE"} <= set(
        tables.commands
    )
    assert {"RmiRecRun", "RmiRealmParams", "MonitorMailbox", "PayloadReport"} <= set(tables.structs)
    major = int(tables.version.split(".")[0])
    assert tables.constants["RMI_ABI_VERSION"] == major << 16


def test_version_without_tables() -> None:
    with pytest.raises(AbiError, match=r"(?s)no ABI table rmi-3\.0\.toml.*rmi-1\.0\.toml"):
        load_tables("3.0")


@pytest.mark.parametrize(
    ("look_up", "text"),
    [
        (lambda t: t.command("RMI_GRANULE_DELEGAT"), "no command .* mean RMI_GRANULE_DELEGATE"),
        (lambda t: t.struct("RmiRecParam"), "no structure named RmiRecParam.* mean RmiRecParams"),
        (lambda t: t.bitfield("RmiRealmFlag"), "no bit field .* mean RmiRealmFlags"),
        (lambda t: t.enum("RmiRipa"), "no enumeration .* mean RmiRipas"),
        (lambda t: t.enum("@"), "no enumeration named @.*there are .*RmiRipas"),
        (
            lambda t: t.command("RMI_RTT_DESTROY").condition("rtt_alive"),
            "no failure condition of RMI_RTT_DESTROY named rtt_alive.* mean rtt_live",
        ),
        (lambda t: t.struct("RmiRecRun").field("entr"), "no field of RmiRecRun .* mean enter"),
        (
            lambda t: t.bitfield("RmiDataFlags").encode(MEASURE=1),
            "no bits of RmiDataFlags named MEASURE.* mean MEASURE_CONTENT",
        ),
    ],
)
def test_unknown_name_gives_the_nearest(look_up: Callable[[Tables], object], text: str) -> None:
    with pytest.raises(AbiError, match=f"(?s){text}"):
        look_up(load_tables())


def _twice(raw: dict[str, Any], kind: str) -> None:
    raw[kind].append(copy.deepcopy(raw[kind][0]))


def _fid_twice(raw: dict[str, Any]) -> None:
    _twice(raw, "command")
    raw["command"][-1]["name"] = "RMI_OTHER"


def _inner_twice(raw: dict[str, Any], kind: str, inner: str) -> None:
    row = next(row for row in raw[kind] if row.get(inner))
    row[inner].append(dict(row[inner][0]))


@pytest.mark.parametrize(
    ("file", "spoil", "text"),
    [
        ("rmi-1.0.toml", lambda raw: _twice(raw, "command"), "RMI_VERSION is defined twice"),
        ("rmi-1.0.toml", lambda raw: _twice(raw, "status"), "RMI_SUCCESS is defined twice"),
        ("rmi-1.0.toml", _fid_twice, "RMI_VERSION and RMI_OTHER are both 0xc4000150"),
        (
            "rmi-1.0.toml",
            lambda raw: _inner_twice(raw, "command", "failures"),
            "RMI_VERSION has incompatible more than once",
        ),
        ("structs-1.0.toml", lambda raw: _twice(raw, "struct"), "RmiRealmParams is defined twice"),
        ("structs-1.0.toml", lambda raw: _twice(raw, "bitfield"), "ReturnCode is defined twice"),
        (
            "structs-1.0.toml",
            lambda raw: _inner_twice(raw, "struct", "fields"),
            "RmiRealmParams has flags more than once",
        ),
        (
            "structs-1.0.toml",
            lambda raw: _inner_twice(raw, "bitfield", "fields"),
            "RmiCommandReturnCode has status more than once",
        ),
    ],
)
def test_double_is_refused(file: str, spoil: Callable[[dict[str, Any]], None], text: str) -> None:
    raw = copy.deepcopy(raw_table(file))
    spoil(raw)
    merge = _Merge()

    def build() -> None:
        merge.add(file, raw)
        merge.finish("1.0")

    with pytest.raises(AbiError, match=text):
        build()


def test_double_over_two_files_is_refused() -> None:
    merge = _Merge()
    merge.add("monitor.toml", raw_table("monitor.toml"))
    constant = {"meta": {}, "constant": {"MONITOR_MAGIC": 1}}
    with pytest.raises(AbiError, match=r"own\.toml: MONITOR_MAGIC is defined twice"):
        merge.add("own.toml", constant)
    with pytest.raises(AbiError, match="enumeration MonitorStatus differs from an earlier table"):
        merge.add("own.toml", {"meta": {}, "enum": {"MonitorStatus": {"OK": 7}}})


def test_statuses_of_conditions_exist(tables: Tables) -> None:
    unknown = {
        f"{command.name}.{condition.id}: {condition.status}"
        for command in tables.commands.values()
        for condition in command.failures
        if condition.status not in tables.statuses
        or not condition.status.startswith(command.name.split("_")[0])
    }
    assert not unknown


def test_status_codes_are_single(tables: Tables) -> None:
    for prefix in ("RMI_", "RSI_"):
        codes = [code for name, code in tables.statuses.items() if name.startswith(prefix)]
        assert sorted(set(codes)) == sorted(codes)
        assert tables.status_name(0, prefix) == f"{prefix}SUCCESS"
    assert tables.status_name(99, "RMI") == "RMI_STATUS_99"


def test_index_of_conditions_is_a_number_or_a_level(tables: Tables) -> None:
    odd = {
        f"{command.name}.{condition.id}: {condition.index}"
        for command in tables.commands.values()
        for condition in command.failures
        if not isinstance(condition.index, int) and condition.index not in LEVELS_BY_NAME
    }
    assert not odd


def test_order_pairs_name_conditions(tables: Tables) -> None:
    for command in tables.commands.values():
        known = {condition.id for condition in command.failures}
        named = {name for pair in command.order_pairs for name in pair}
        assert named <= known, f"{command.name}: {named - known}"


def test_order_pairs_have_no_circle(tables: Tables) -> None:
    for command in tables.commands.values():
        left = set(command.order_pairs)
        while left:
            # A pair whose first condition nobody must precede can be taken away.
            free = {pair for pair in left if pair[0] not in {after for _, after in left}}
            assert free, f"{command.name}: {left}"
            left -= free


def test_registers_are_sane(tables: Tables) -> None:
    for command in tables.commands.values():
        for registers in (command.inputs, command.outputs):
            used = [n for r in registers for n in range(r.first, r.first + r.count)]
            assert len(used) == len(set(used)), f"{command.name}: {registers}"
            assert all(0 <= n <= 17 for n in used), f"{command.name}: {registers}"
            assert all(r.name.isidentifier() for r in registers), f"{command.name}: {registers}"
            assert len({r.name for r in registers}) == len(registers), command.name
        assert all(r.first > 0 for r in command.inputs), f"{command.name}: x0 is the function id"


def test_register_run() -> None:
    run = Register("x3..x10", "value", "Bits512")
    assert (run.first, run.count) == (3, 8)
    single = Register("x2", "size", "UInt64")
    assert (single.first, single.count) == (2, 1)


def test_function_ids_lie_in_their_range(tables: Tables) -> None:
    ranges = {
        "RMI_": [(0xC400_0150, 0xC400_018F), (0xC400_01D0, 0xC400_02CF)],
        "RSI_": [(0xC400_0190, 0xC400_01AF)],
        "RMM_": [(0xC400_018F, 0xC400_018F), (0xC400_01B0, 0xC400_01CF)],
        "PSCI": [(0x8400_0000, 0x8400_001F), (0xC400_0000, 0xC400_001F)],
        "SMCC": [(0x8000_0000, 0x8000_FFFF)],
    }
    for command in tables.commands.values():
        if command.name == "RSI_RDEV_P2P_BIND":
            continue  # the draft itself puts it into the RMM-EL3 range
        spans = ranges[command.name[:4]]
        assert any(low <= command.fid <= high for low, high in spans), command.name


def test_function_id_leads_to_its_command(tables: Tables) -> None:
    assert len(tables.by_fid) == len(tables.commands)
    assert all(tables.by_fid[command.fid] is command for command in tables.commands.values())


def test_structure_fields_lie_apart_and_inside(tables: Tables) -> None:
    for layout in tables.structs.values():
        fields = sorted(layout.fields, key=lambda f: f.offset)
        for before, after in pairwise(fields):
            assert before.offset + before.size <= after.offset, f"{layout.name}: {after.name}"
        assert fields[-1].offset + fields[-1].size <= layout.size, layout.name
        assert layout.size % layout.alignment == 0, layout.name


def test_nested_structures_have_their_size(tables: Tables) -> None:
    for layout in tables.structs.values():
        for field in layout.fields:
            if inner := tables.structs.get(field.type):
                assert field.size == inner.size, f"{layout.name}.{field.name}"


def test_bits_lie_apart_and_inside(tables: Tables) -> None:
    for bitfield in tables.bitfields.values():
        seen = 0
        for bits in bitfield.fields:
            assert 0 <= bits.lo <= bits.hi < bitfield.width, f"{bitfield.name}.{bits.name}"
            assert not seen & bits.mask or bitfield.name in UNIONS, f"{bitfield.name}.{bits.name}"
            seen |= bits.mask
        assert bitfield.mask in (None, seen), bitfield.name


def test_enumerations_have_single_values(tables: Tables) -> None:
    for name, members in tables.enums.items():
        assert len(set(members.values())) == len(members), name


def test_bits_of_a_draft_are_those_of_its_newest_beta() -> None:
    state = load_tables("2.0").bitfield("RmiAddrRangeDesc4KB").bits("state")
    assert (state.hi, state.lo) == (63, 62)


def test_command_that_inherits_has_everything_of_the_earlier_dialect() -> None:
    earlier, later = (load_tables(v).command("RSI_IPA_STATE_GET") for v in VERSIONS)
    assert earlier.inputs
    assert earlier == later


def test_bits_put_and_get() -> None:
    bits = Bits("index", 15, 8)
    assert (bits.width, bits.mask) == (8, 0xFF00)
    assert bits.put(0xA5) == 0xA500
    assert bits.get(0x1A5FF) == 0xA5
    for wrong in (0x100, -1):
        with pytest.raises(AbiError, match=r"index is 8 bits wide, .* does not fit"):
            bits.put(wrong)


def test_bitfield_words() -> None:
    word = load_tables().bitfield("RmiCommandReturnCode")
    assert word.encode(status=4, index=3) == 0x304
    assert word.decode(0x304) == {"status": 4, "index": 3}
