# SPDX-License-Identifier: BSD-3-Clause
"""RMI_DATA_CREATE and RMI_DATA_CREATE_UNKNOWN: arguments, states, what the entry becomes."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from harness.abi import tables
from harness.plugin.fixtures import MakeRealm
from harness.realm import NormalWorld, Realm, RttEntry, Zoo, entry_bytes
from harness.realm.state import REALM_STATES, advance
from harness.realm.zoo import SPECIAL, kinds_but, refusal
from harness.rmi import Fails, Result, Ripas, Rmi, RttState, Succeeds
from harness.types import GRANULE_BYTES, Pa

pytestmark = [pytest.mark.rmi, pytest.mark.requires("realms")]

MEASURE = tables().bitfield("RmiDataFlags").bits("MEASURE_CONTENT").mask

Create = Callable[[NormalWorld, Pa, Pa, int], Result]
"""A command on (rd, data, ipa)."""

CREATES: dict[str, Create] = {
    "DATA_CREATE": lambda ns, rd, data, ipa: ns.rmi.data_create(rd, data, ipa, ns.page(), MEASURE),
    "DATA_CREATE_UNKNOWN": lambda ns, rd, data, ipa: ns.rmi.data_create_unknown(rd, data, ipa),
}
BOTH = pytest.mark.parametrize("command", CREATES)


def attempt(command: str, realm: Realm, ipa: int) -> Result:
    """Issue a command with a granule of its own, which is given back if it is not taken."""
    world = realm.world
    data = world.delegated()
    result = CREATES[command](world, realm.rd, data, ipa)
    if not result.ok:
        world.undelegate(data)
    return result


@pytest.mark.parametrize("flags", [0, MEASURE], ids=["not-measured", "measured"])
def test_create_maps_the_granule(realm: Realm, flags: int) -> None:
    """RMI_DATA_CREATE, success: ASSIGNED/RAM (DATC-33)."""
    realm.tables.ensure(0)
    world, data = realm.world, realm.world.delegated()
    assert realm.rmi.data_create(realm.rd, data, 0, world.page(), flags) == Succeeds()
    assert realm.tables.entry(0) == RttEntry(3, RttState.ASSIGNED, data, Ripas.RAM)
    assert realm.rmi.granule_undelegate(data) == Fails("gran_state")


def test_create_unknown_maps_the_granule(realm: Realm) -> None:
    """RMI_DATA_CREATE_UNKNOWN, success: ASSIGNED with the RIPAS that was there (DATU-25)."""
    realm.tables.ensure(0)
    data = realm.world.delegated()
    assert realm.rmi.data_create_unknown(realm.rd, data, 0) == Succeeds()
    assert realm.tables.entry(0) == RttEntry(3, RttState.ASSIGNED, data, Ripas.EMPTY)
    assert realm.rmi.granule_undelegate(data) == Fails("gran_state")


@pytest.mark.parametrize("kind", kinds_but("delegated"))
@BOTH
def test_data_must_be_a_delegated_granule(
    ns: NormalWorld, zoo: Zoo, command: str, kind: str
) -> None:
    """data_align, data_bound, data_state (DATC-06..13, DATU-01..08)."""
    data = zoo.instead_of("delegated", kind)
    result = CREATES[command](ns, zoo["rd"], data, zoo.free_ipa)
    assert result == Fails(refusal("data", kind))


@pytest.mark.parametrize("kind", kinds_but("rd"))
@BOTH
def test_rd_must_be_an_rd(ns: NormalWorld, zoo: Zoo, command: str, kind: str) -> None:
    """rd_align, rd_bound, rd_state (DATC-15..22, DATU-10..17)."""
    rd = zoo.instead_of("rd", kind)
    result = CREATES[command](ns, rd, zoo["delegated"], zoo.free_ipa)
    assert result == Fails(refusal("rd", kind))


@pytest.mark.parametrize("kind", kinds_but("undelegated"))
def test_source_must_lie_in_the_normal_world(rmi: Rmi, zoo: Zoo, kind: str) -> None:
    """RMI_DATA_CREATE, src_align, src_bound, src_pas (DATC-01..05)."""
    src = zoo.instead_of("undelegated", kind)
    result = rmi.data_create(zoo["rd"], zoo["delegated"], zoo.free_ipa, src, MEASURE)
    assert result == Fails(refusal("src", kind, state="pas"))


def test_source_and_data_cannot_be_the_same(rmi: Rmi, zoo: Zoo) -> None:
    """RMI_DATA_CREATE, src_pas: a granule is never both the host's and the realm's."""
    granule = zoo["delegated"]
    result = rmi.data_create(zoo["rd"], granule, zoo.free_ipa, granule, MEASURE)
    assert result == Fails("src_pas")


@pytest.mark.parametrize("bit", [1, 2, 32, 63])
def test_flags_have_reserved_bits(rmi: Rmi, zoo: Zoo, bit: int) -> None:
    """RMI_DATA_CREATE, flags_valid: TF-RMM checks them, the table follows it."""
    src = zoo["undelegated"]
    for flags in (1 << bit, 1 << bit | MEASURE):
        result = rmi.data_create(zoo["rd"], zoo["delegated"], zoo.free_ipa, src, flags)
        assert result == Fails("flags_valid")


@pytest.mark.parametrize("offset_bytes", [1, 8, 0x800, 0xFFF])
@BOTH
def test_ipa_must_be_aligned(zoo: Zoo, command: str, offset_bytes: int) -> None:
    """ipa_align (DATC-23, DATU-18)."""
    assert attempt(command, zoo.realm, zoo.free_ipa + offset_bytes) == Fails("ipa_align")


@pytest.mark.parametrize("where", ["first unprotected", "last unprotected", "beyond", "top"])
@BOTH
def test_ipa_must_be_protected(realm: Realm, command: str, where: str) -> None:
    """ipa_bound, before the missing table is noticed (DATC-24, DATC-25, DATC-31, DATU-19, -23)."""
    border = realm.unprotected_base
    ipa = {
        "first unprotected": border,
        "last unprotected": 2 * border - GRANULE_BYTES,
        "beyond": 2 * border,
        "top": (1 << 64) - GRANULE_BYTES,
    }[where]
    assert attempt(command, realm, ipa) == Fails("ipa_bound")


@BOTH
def test_ipa_bound_comes_before_the_entry_state(realm: Realm, command: str) -> None:
    """ipa_bound for an unprotected page that is mapped already (DATC-32, DATU-24)."""
    realm.share_page(realm.unprotected_base)
    assert attempt(command, realm, realm.unprotected_base) == Fails("ipa_bound")


@pytest.mark.parametrize(
    ("ipa_width", "start", "tables_to", "ends_at"),
    [(48, 0, 0, 0), (48, 0, 1, 1), (48, 0, 2, 2), (40, 1, 1, 1), (40, 1, 2, 2), (32, 2, 2, 2)],
)
@BOTH
def test_a_level_3_table_must_be_there(
    make_realm: MakeRealm, command: str, ipa_width: int, start: int, tables_to: int, ends_at: int
) -> None:
    """rtt_walk: the index is the level where the walk ended (DATC-29, DATU-21)."""
    realm = make_realm(ipa_width=ipa_width, start_level=start)
    realm.tables.ensure(0, tables_to)
    assert attempt(command, realm, 0) == Fails("rtt_walk", index=ends_at)


@pytest.mark.parametrize("ripas", list(Ripas), ids=lambda ripas: ripas.name)
@BOTH
def test_an_entry_takes_one_page(realm: Realm, command: str, ripas: Ripas) -> None:
    """rtte_state: the entry is ASSIGNED, whatever its RIPAS (DATC-30, DATU-22)."""
    assign(realm, ripas)
    before = realm.tables.entry(0)
    assert attempt(command, realm, 0) == Fails("rtte_state")
    assert realm.tables.entry(0) == before


def unassign(realm: Realm, ripas: Ripas) -> None:
    """Bring the entry of IPA 0 to UNASSIGNED with this RIPAS."""
    realm.tables.ensure(0)
    if ripas == Ripas.RAM:
        realm.init_ripas(0, GRANULE_BYTES)
    elif ripas == Ripas.DESTROYED:
        realm.map_data(0, b"")
        realm.unmap_data(0)


def assign(realm: Realm, ripas: Ripas) -> None:
    """Bring the entry of IPA 0 to ASSIGNED with this RIPAS."""
    unassign(realm, ripas)
    realm.map_unknown(0)


@pytest.mark.parametrize("ripas", list(Ripas), ids=lambda ripas: ripas.name)
def test_create_makes_ram_of_anything(realm: Realm, ripas: Ripas) -> None:
    """RMI_DATA_CREATE, success: from UNASSIGNED with any RIPAS to ASSIGNED/RAM (DAT-01)."""
    unassign(realm, ripas)
    assert attempt("DATA_CREATE", realm, 0) == Succeeds()
    assert realm.tables.entry(0).ripas == Ripas.RAM


@pytest.mark.parametrize("ripas", list(Ripas), ids=lambda ripas: ripas.name)
def test_create_unknown_keeps_the_ripas(realm: Realm, ripas: Ripas) -> None:
    """RMI_DATA_CREATE_UNKNOWN, success: ASSIGNED with the same RIPAS (DAT-02)."""
    unassign(realm, ripas)
    assert attempt("DATA_CREATE_UNKNOWN", realm, 0) == Succeeds()
    entry = realm.tables.entry(0)
    assert (entry.state, entry.ripas) == (RttState.ASSIGNED, ripas)


@pytest.mark.parametrize("state", ["ACTIVE", "SYSTEM_OFF"])
def test_create_wants_a_new_realm(realm: Realm, state: str) -> None:
    """RMI_DATA_CREATE, realm_state (DATC-26, DATC-27)."""
    realm.tables.ensure(0)
    advance(realm, state)
    assert attempt("DATA_CREATE", realm, 0) == Fails("realm_state")


def test_realm_state_comes_before_ipa_and_walk(realm: Realm) -> None:
    """RMI_DATA_CREATE, order: as TF-RMM, which looks at the realm's state first."""
    realm.activate()
    for ipa in (1, realm.unprotected_base, 0):
        assert attempt("DATA_CREATE", realm, ipa) == Fails("realm_state")


@pytest.mark.parametrize("state", REALM_STATES)
def test_create_unknown_works_in_any_realm_state(realm: Realm, state: str) -> None:
    """RMI_DATA_CREATE_UNKNOWN has no condition on the realm's state."""
    realm.tables.ensure(0)
    advance(realm, state)
    assert attempt("DATA_CREATE_UNKNOWN", realm, 0) == Succeeds()


@BOTH
def test_a_destroyed_realm_gets_no_data(ns: NormalWorld, realm: Realm, command: str) -> None:
    """rd_state: the RD is a granule like any other again (DATC-28)."""
    realm.destroy()
    data = ns.delegated()
    assert CREATES[command](ns, realm.rd, data, 0) == Fails("rd_state")
    ns.undelegate(data)


@BOTH
def test_a_refused_create_leaves_granule_and_entry(realm: Realm, command: str) -> None:
    """On failure data stays DELEGATED and serves the next attempt."""
    realm.tables.ensure(0, 2)
    world, data = realm.world, realm.world.delegated()
    assert CREATES[command](world, realm.rd, data, 0) == Fails("rtt_walk", index=2)
    assert realm.rmi.data_create(realm.rd, data, 0, SPECIAL["rmm"], 0) == Fails("src_pas")
    realm.tables.ensure(0)
    assert CREATES[command](world, realm.rd, data, 0) == Succeeds()


@pytest.mark.parametrize("where", ["first", "last"])
@BOTH
def test_the_ends_of_the_protected_half_take_data(realm: Realm, command: str, where: str) -> None:
    """Success at IPA 0 and at the last page below the unprotected half."""
    ipa = 0 if where == "first" else realm.unprotected_base - GRANULE_BYTES
    realm.tables.ensure(ipa)
    assert attempt(command, realm, ipa) == Succeeds()


def test_one_granule_has_one_place(realm: Realm) -> None:
    """data_state: a DATA granule cannot be mapped again, in neither realm nor place."""
    data = realm.map_unknown(0)
    other = Realm.create(realm.world)
    other.tables.ensure(0)
    unknown = realm.rmi.data_create_unknown
    assert unknown(realm.rd, data, GRANULE_BYTES) == Fails("data_state")
    assert unknown(other.rd, data, 0) == Fails("data_state")
    other.destroy()


def test_data_beside_a_block_is_independent(realm: Realm) -> None:
    """Pages in two neighbouring tables do not know of each other."""
    edge = entry_bytes(2)
    below, above = realm.map_unknown(edge - GRANULE_BYTES), realm.map_unknown(edge)
    assert realm.tables.entry(edge - GRANULE_BYTES).desc == below
    assert realm.tables.entry(edge).desc == above
