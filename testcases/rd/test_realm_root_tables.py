# SPDX-License-Identifier: BSD-3-Clause
"""RMI_REALM_CREATE: how many root tables an IPA width needs from a start level on.

A table at level n resolves 9 bits above those of its entries; up to 16 tables are
concatenated (RMM specification, RTT; Arm ARM, concatenated translation tables).
"""

from __future__ import annotations

import pytest

from harness.plugin.fixtures import MakeRealm
from harness.plugin.prepared import MakeDraft
from harness.realm import RealmConfig, RttEntry, entry_bytes
from harness.rmi import Fails, Ripas, RttState

pytestmark = [pytest.mark.rmi, pytest.mark.requires("realms")]

MOST = 16

SHAPES = [
    (32, 2, 4),
    (33, 2, 8),
    (34, 2, 16),
    (32, 1, 1),
    (36, 1, 1),
    (39, 1, 1),
    (40, 1, 2),
    (41, 1, 4),
    (42, 1, 8),
    (43, 1, 16),
    (40, 0, 1),
    (42, 0, 1),
    (47, 0, 1),
    (48, 0, 1),
]
"""IPA width, start level, number of root tables."""


@pytest.mark.parametrize(("ipa_width", "level", "count"), SHAPES)
def test_a_shape_of_the_specification_is_accepted(
    make_realm: MakeRealm, ipa_width: int, level: int, count: int
) -> None:
    """RMI_REALM_CREATE, success: both halves are there and begin untouched (RD-03)."""
    config = RealmConfig(ipa_width=ipa_width, start_level=level)
    assert config.root_tables == count
    tables = make_realm(config).tables
    untouched = RttEntry(level, RttState.UNASSIGNED, 0, Ripas.EMPTY)
    size = entry_bytes(level)
    last = (1 << ipa_width) - size
    for ipa in (0, tables.unprotected_base - size, tables.unprotected_base, last):
        assert tables.entry(ipa, level) == untouched


@pytest.mark.parametrize(("ipa_width", "level", "count"), SHAPES)
def test_the_ipa_space_ends_where_its_width_says(
    make_realm: MakeRealm, ipa_width: int, level: int, count: int
) -> None:
    """RMI_RTT_READ_ENTRY, ipa_bound: the first address behind, concatenation or not."""
    realm = make_realm(ipa_width=ipa_width, start_level=level)
    beyond = 1 << ipa_width
    assert realm.rmi.rtt_read_entry(realm.rd, beyond, level) == Fails("ipa_bound")
    assert realm.config.root_tables == count


@pytest.mark.parametrize("wrong", ["one less", "one more", "half", "double"])
@pytest.mark.parametrize(("ipa_width", "level", "count"), SHAPES)
def test_any_other_number_of_root_tables_is_refused(
    make_draft: MakeDraft, ipa_width: int, level: int, count: int, wrong: str
) -> None:
    """RMI_REALM_CREATE, rtt_num_level; every granule asked for is delegated (RDC-26).

    No table at all is no valid encoding, whatever the shape.
    """
    number = {"one less": count - 1, "one more": count + 1, "half": count // 2, "double": 2 * count}
    draft = make_draft(RealmConfig(ipa_width=ipa_width, start_level=level), root_granules=2 * count)
    reason = "rtt_num_level" if number[wrong] else "params_valid"
    assert draft.create(rtt_num_start=number[wrong]) == Fails(reason)


TOO_DEEP = [(35, 2, 32), (40, 2, 1024), (44, 1, 32), (48, 1, 512)]
TOO_SHALLOW = [(32, 0, 1), (39, 0, 1)]


@pytest.mark.parametrize(("ipa_width", "level", "count"), [*TOO_DEEP, *TOO_SHALLOW])
def test_a_start_level_that_does_not_fit_is_refused(
    make_draft: MakeDraft, ipa_width: int, level: int, count: int
) -> None:
    """RMI_REALM_CREATE, rtt_num_level: more than 16 tables, or one that resolves no bit."""
    draft = make_draft(root_granules=2 * MOST)
    shape = {"s2sz": ipa_width, "rtt_level_start": level, "rtt_num_start": count}
    assert draft.create(**shape) == Fails("rtt_num_level")
    assert draft.create(**shape | {"rtt_num_start": MOST}) == Fails("rtt_num_level")
