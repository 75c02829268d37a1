# SPDX-License-Identifier: BSD-3-Clause
"""RMI_RTT_MAP_UNPROTECTED and RMI_RTT_UNMAP_UNPROTECTED: memory that host and realm share."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from harness.abi import tables
from harness.plugin.fixtures import MakeRealm
from harness.realm import NormalWorld, Realm, RttEntry, Zoo, entry_bytes, unprotected_desc
from harness.realm.state import REALM_STATES, advance
from harness.realm.zoo import SPECIAL, kinds_but, refusal
from harness.rmi import Fails, Result, Ripas, Rmi, RttState, Succeeds
from harness.types import GRANULE_BYTES, MASK64, Pa

pytestmark = [pytest.mark.rmi, pytest.mark.requires("realms")]

DESC = tables().bitfield("UnprotectedDesc")
KNOWN_BITS = sum(bits.mask for bits in DESC.fields)
MEMORY = Pa(0x8000_0000)
BLOCK = entry_bytes(2)
GIB = entry_bytes(1)

OnEntry = Callable[[Rmi, Pa, int, int], Result]
"""A command on (rd, ipa, level)."""

COMMANDS: dict[str, OnEntry] = {
    "MAP": lambda rmi, rd, ipa, level: rmi.rtt_map_unprotected(
        rd, ipa, level, unprotected_desc(MEMORY)
    ),
    "UNMAP": lambda rmi, rd, ipa, level: rmi.rtt_unmap_unprotected(rd, ipa, level),
}
BOTH = pytest.mark.parametrize("command", COMMANDS)
LEVELS = pytest.mark.parametrize("level", [1, 2, 3])


def unassigned(level: int) -> RttEntry:
    """An unprotected entry without a mapping."""
    return RttEntry(level, RttState.UNASSIGNED, 0, Ripas.EMPTY)


@LEVELS
def test_map_and_unmap(realm: Realm, level: int) -> None:
    """RMI_RTT_MAP_UNPROTECTED, RMI_RTT_UNMAP_UNPROTECTED, success (UNPM-19, UNPU-19)."""
    rmi, shared, desc = realm.rmi, realm.unprotected_base, unprotected_desc(MEMORY)
    realm.tables.ensure(shared, level)
    assert rmi.rtt_map_unprotected(realm.rd, shared, level, desc) == Succeeds()
    assert realm.tables.entry(shared) == RttEntry(level, RttState.ASSIGNED, desc, Ripas.EMPTY)
    assert rmi.rtt_unmap_unprotected(realm.rd, shared, level) == Succeeds()
    assert realm.tables.entry(shared) == unassigned(level)


@pytest.mark.parametrize("kind", kinds_but("rd"))
@BOTH
def test_rd_must_be_an_rd(rmi: Rmi, zoo: Zoo, command: str, kind: str) -> None:
    """rd_align, rd_bound, rd_state (UNPM-02..09, UNPU-01..08)."""
    rd = zoo.instead_of("rd", kind)
    result = COMMANDS[command](rmi, rd, zoo.realm.unprotected_base, 3)
    assert result == Fails(refusal("rd", kind))
    assert result.x[1] == 0


@pytest.mark.parametrize("level", [-1, 0, 4, 5, 1 << 32 | 3])
@BOTH
def test_level_must_exist(realm: Realm, command: str, level: int) -> None:
    """level_bound, before the missing table is noticed (UNPM-11, UNPU-10, UNPU-16, UNPU-17)."""
    ipa = realm.unprotected_base
    assert COMMANDS[command](realm.rmi, realm.rd, ipa, level & MASK64) == Fails("level_bound")


@BOTH
def test_level_0_is_no_level_for_a_block(make_realm: MakeRealm, command: str) -> None:
    """level_bound: also where the tables begin at level 0 (UNPM-10, UNPU-09)."""
    realm = make_realm(ipa_width=48, start_level=0)
    ipa = realm.unprotected_base
    assert COMMANDS[command](realm.rmi, realm.rd, ipa, 0) == Fails("level_bound")


@pytest.mark.parametrize(("level", "offset_bytes"), [(3, 1), (3, 0x800), (2, 4096), (1, BLOCK)])
@BOTH
def test_ipa_must_be_aligned(realm: Realm, command: str, level: int, offset_bytes: int) -> None:
    """ipa_align: to what an entry at this level maps (UNPM-14, UNPU-11)."""
    ipa = realm.unprotected_base + offset_bytes
    assert COMMANDS[command](realm.rmi, realm.rd, ipa, level) == Fails("ipa_align")


@LEVELS
@BOTH
def test_ipa_must_be_unprotected(realm: Realm, command: str, level: int) -> None:
    """ipa_bound, before the missing table is noticed (UNPM-15, UNPM-16, UNPU-12, -13, -18)."""
    size, border = entry_bytes(level), realm.unprotected_base
    for ipa in (0, border - size, 2 * border, (1 << 64) - size):
        assert COMMANDS[command](realm.rmi, realm.rd, ipa, level) == Fails("ipa_bound")


@BOTH
def test_ipa_bound_comes_before_the_entry_state(realm: Realm, command: str) -> None:
    """ipa_bound for a protected page, with and without data."""
    realm.map_unknown(0)
    for ipa in (0, GRANULE_BYTES):
        assert COMMANDS[command](realm.rmi, realm.rd, ipa, 3) == Fails("ipa_bound")


@pytest.mark.parametrize(
    ("ipa_width", "start", "level", "ends_at"),
    [(48, 0, 1, 0), (48, 0, 3, 0), (40, 1, 2, 1), (40, 1, 3, 1), (32, 2, 3, 2)],
)
@BOTH
def test_a_table_must_be_there(
    make_realm: MakeRealm, command: str, ipa_width: int, start: int, level: int, ends_at: int
) -> None:
    """rtt_walk: the index is the level where the walk ended (UNPM-17, UNPU-14)."""
    realm = make_realm(ipa_width=ipa_width, start_level=start)
    result = COMMANDS[command](realm.rmi, realm.rd, realm.unprotected_base, level)
    assert result == Fails("rtt_walk", index=ends_at)


RESERVED_BITS = [bit for bit in range(64) if not KNOWN_BITS >> bit & 1]


@pytest.mark.parametrize("bit", RESERVED_BITS)
def test_desc_has_reserved_bits(zoo: Zoo, bit: int) -> None:
    """RMI_RTT_MAP_UNPROTECTED, attr_valid: what is not OA, MemAttr or S2AP (UNPM-01, UNP-02)."""
    shared, desc = zoo.realm.unprotected_base, unprotected_desc(MEMORY) | 1 << bit
    result = zoo.realm.rmi.rtt_map_unprotected(zoo["rd"], shared, 1, desc)
    assert result == Fails("attr_valid")


def test_desc_has_a_reserved_memory_type(realm: Realm) -> None:
    """RMI_RTT_MAP_UNPROTECTED, attr_valid: MemAttr 0b100 (UNPM-01)."""
    desc = unprotected_desc(MEMORY, mem_attr=0b100)
    result = realm.rmi.rtt_map_unprotected(realm.rd, realm.unprotected_base, 1, desc)
    assert result == Fails("attr_valid")


@pytest.mark.parametrize(("level", "offset_bytes"), [(2, 4096), (2, 1 << 20), (1, BLOCK)])
def test_output_address_must_be_aligned(realm: Realm, level: int, offset_bytes: int) -> None:
    """RMI_RTT_MAP_UNPROTECTED, addr_align: to the size of the block (UNPM-12)."""
    shared = realm.unprotected_base
    realm.tables.ensure(shared, level)
    desc = unprotected_desc(MEMORY + offset_bytes)
    result = realm.rmi.rtt_map_unprotected(realm.rd, shared, level, desc)
    assert result == Fails("addr_align")


@LEVELS
def test_an_entry_takes_one_mapping(realm: Realm, level: int) -> None:
    """RMI_RTT_MAP_UNPROTECTED, rtte_state: mapped already, even to the same (UNPM-18)."""
    rmi, shared, desc = realm.rmi, realm.unprotected_base, unprotected_desc(MEMORY)
    realm.tables.map_unprotected(shared, MEMORY, level)
    mapped = Fails("rtte_state", index=level)
    assert rmi.rtt_map_unprotected(realm.rd, shared, level, desc) == mapped
    other = unprotected_desc(MEMORY + 4 * GIB, mem_attr=0b101)
    assert rmi.rtt_map_unprotected(realm.rd, shared, level, other) == mapped
    assert realm.tables.entry(shared).desc == desc


@pytest.mark.parametrize("level", [1, 2])
@BOTH
def test_a_table_is_no_mapping(realm: Realm, command: str, level: int) -> None:
    """rtte_state: there is a table, so neither can a block be mapped nor one be removed."""
    shared = realm.unprotected_base
    realm.tables.ensure(shared, level + 1)
    result = COMMANDS[command](realm.rmi, realm.rd, shared, level)
    assert result == Fails("rtte_state", index=level)


@LEVELS
def test_unmap_wants_a_mapping(realm: Realm, level: int) -> None:
    """RMI_RTT_UNMAP_UNPROTECTED, rtte_state (UNPU-15)."""
    shared = realm.unprotected_base
    realm.tables.ensure(shared, level)
    result = realm.rmi.rtt_unmap_unprotected(realm.rd, shared, level)
    assert result == Fails("rtte_state", index=level)


@pytest.mark.parametrize(("mapped", "asked"), [(1, 2), (1, 3), (2, 3)])
def test_a_block_is_removed_as_a_whole(realm: Realm, mapped: int, asked: int) -> None:
    """RMI_RTT_UNMAP_UNPROTECTED, rtt_walk: a deeper level than the block's; top is ipa."""
    shared = realm.unprotected_base
    realm.tables.map_unprotected(shared, MEMORY, mapped)
    result = realm.rmi.rtt_unmap_unprotected(realm.rd, shared, asked)
    assert result == Fails("rtt_walk", index=mapped, outputs={"top": shared})


@LEVELS
@pytest.mark.parametrize("further", [1, 3, 511])
def test_top_is_the_next_mapping(make_realm: MakeRealm, level: int, further: int) -> None:
    """RMI_RTT_UNMAP_UNPROTECTED, success: top skips what is not mapped."""
    realm = make_realm(ipa_width=48, start_level=0)
    shared, size = realm.unprotected_base, entry_bytes(level)
    realm.tables.map_unprotected(shared, MEMORY, level)
    realm.tables.map_unprotected(shared + further * size, MEMORY, level)
    unmap = realm.rmi.rtt_unmap_unprotected
    assert unmap(realm.rd, shared, level) == Succeeds(top=shared + further * size)
    again = Fails("rtte_state", index=level, outputs={"top": shared + further * size})
    assert unmap(realm.rd, shared, level) == again


@LEVELS
def test_top_ends_with_the_table(make_realm: MakeRealm, level: int) -> None:
    """RMI_RTT_UNMAP_UNPROTECTED, success: nothing behind, so top is the end of the table."""
    realm = make_realm(ipa_width=48, start_level=0)
    shared, size = realm.unprotected_base, entry_bytes(level)
    realm.tables.map_unprotected(shared + 2 * size, MEMORY, level)
    result = realm.rmi.rtt_unmap_unprotected(realm.rd, shared + 2 * size, level)
    assert result == Succeeds(top=shared + 512 * size)


def test_top_counts_tables(realm: Realm) -> None:
    """RMI_RTT_UNMAP_UNPROTECTED, success: a TABLE behind is live, although it is empty."""
    shared = realm.unprotected_base
    realm.tables.map_unprotected(shared, MEMORY, 2)
    realm.tables.create(shared + 5 * BLOCK, 3)
    result = realm.rmi.rtt_unmap_unprotected(realm.rd, shared, 2)
    assert result == Succeeds(top=shared + 5 * BLOCK)


@pytest.mark.parametrize("kind", ["undelegated", "delegated", "data", "rmm", "device", "secure"])
def test_the_output_address_is_not_looked_up(zoo: Zoo, kind: str) -> None:
    """RMI_RTT_MAP_UNPROTECTED: the granule's state is neither checked nor changed."""
    realm = zoo.realm
    realm.tables.map_unprotected(realm.unprotected_base, zoo[kind])
    assert realm.tables.entry(realm.unprotected_base).desc == unprotected_desc(zoo[kind])


def test_a_mapped_page_is_still_the_host_s(ns: NormalWorld, realm: Realm) -> None:
    """RMI_RTT_MAP_UNPROTECTED: the host reads and writes the page, and may delegate it."""
    page = realm.share_page(realm.unprotected_base)
    assert ns.poke(page, 0x5A).ok
    assert realm.rmi.granule_delegate(page) == Succeeds()
    assert ns.peek(page).granule_fault
    ns.undelegate(page)


def test_one_page_may_be_mapped_twice(realm: Realm) -> None:
    """RMI_RTT_MAP_UNPROTECTED: the same memory at two addresses and in two realms."""
    shared, page = realm.unprotected_base, realm.world.page()
    other = Realm.create(realm.world)
    for owner, ipa in ((realm, shared), (realm, shared + GRANULE_BYTES), (other, shared)):
        owner.tables.map_unprotected(ipa, page)
        assert owner.tables.entry(ipa).desc == unprotected_desc(page)
    other.destroy()


@pytest.mark.parametrize("where", ["first", "last"])
def test_the_ends_of_the_unprotected_half_can_be_mapped(realm: Realm, where: str) -> None:
    """RMI_RTT_MAP_UNPROTECTED, success: the first and the last page of the half."""
    border = realm.unprotected_base
    ipa = border if where == "first" else 2 * border - GRANULE_BYTES
    realm.share_page(ipa)
    assert realm.tables.entry(ipa).state == RttState.ASSIGNED


@pytest.mark.parametrize("state", REALM_STATES)
def test_map_and_unmap_work_in_any_realm_state(realm: Realm, state: str) -> None:
    """RMI_RTT_MAP_UNPROTECTED has no condition on the realm's state, nor has its twin."""
    shared = realm.unprotected_base
    advance(realm, state)
    realm.share_page(shared)
    assert realm.rmi.rtt_unmap_unprotected(realm.rd, shared, 3) == Succeeds()


def test_a_refused_map_changes_nothing(realm: Realm) -> None:
    """RMI_RTT_MAP_UNPROTECTED on failure: the entry stays UNASSIGNED_NS."""
    shared = realm.unprotected_base
    realm.tables.ensure(shared)
    desc = unprotected_desc(SPECIAL["device"], mem_attr=0b100)
    assert realm.rmi.rtt_map_unprotected(realm.rd, shared, 3, desc) == Fails("attr_valid")
    assert realm.tables.entry(shared) == unassigned(3)
