# SPDX-License-Identifier: BSD-3-Clause
"""Translation tables from the host's side: what is asked of the RMM after which answer."""

from __future__ import annotations

import pytest

from harness.errors import RealmError
from harness.realm import RealmTables, RttEntry, entry_bytes, unprotected_desc
from harness.rmi import CommandFailed, Ripas, RttState
from harness.tests.fake_host import INPUT, FakeHost, Words, new_world, rtt_error
from harness.types import Ipa, Pa

RD = Pa(0x9999_0000)
L1, L2, L3 = (entry_bytes(level) for level in (1, 2, 3))
POOL = 0x8000_0000


def tables(
    host: FakeHost, *, start_level: int = 2, ipa_width: int = 32, delegated: tuple[int, ...] = ()
) -> RealmTables:
    host.delegated |= set(delegated)
    return RealmTables(new_world(host), RD, start_level, ipa_width)


def reached(level: int) -> Words:
    """RMI_RTT_READ_ENTRY: the walk ended at a level, nothing is there."""
    return (0, level)


def asked(host: FakeHost) -> list[tuple[str | int, ...]]:
    """The calls with an RD, without it."""
    return [(name, *rest) for name, rd, *rest in host.asked if rd == RD]


def test_entry_is_read_at_its_first_address() -> None:
    host = FakeHost({"RMI_RTT_READ_ENTRY": [(0, 1, 1, 0x7000, 1)]})
    entry = tables(host).entry(Ipa(L2 + 0x5123), 2)
    assert host.asked == [("RMI_RTT_READ_ENTRY", RD, L2, 2)]
    assert entry == RttEntry(1, RttState.ASSIGNED, 0x7000, Ripas.RAM)


def test_table_is_made_of_a_delegated_granule() -> None:
    host = FakeHost()
    granule = tables(host).create(L2 + 0x5000, 3)
    assert host.asked_of("RMI_RTT_CREATE") == [(RD, granule, L2, 3)]
    assert host.delegated == {granule}


def test_granule_comes_back_when_no_table_was_made() -> None:
    host = FakeHost({"RMI_RTT_CREATE": [rtt_error(2)]})
    with pytest.raises(
        CommandFailed, match=r"wanted a table at level 3, seen RMI_RTT_CREATE\(.*\(2\)"
    ):
        tables(host).create(0, 3)
    assert not host.delegated


@pytest.mark.parametrize(
    ("level", "ends_at", "created"), [(3, 1, [2, 3]), (3, 3, []), (2, 1, [2]), (3, 2, [3])]
)
def test_missing_tables_are_made_from_the_top(level: int, ends_at: int, created: list[int]) -> None:
    host = FakeHost({"RMI_RTT_READ_ENTRY": [reached(ends_at)]})
    tables(host, start_level=1, ipa_width=40).ensure(L1 + L2 + L3, level)
    bases = {2: L1, 3: L1 + L2}
    assert [call[2:] for call in host.asked_of("RMI_RTT_CREATE")] == [
        (bases[n], n) for n in created
    ]


def test_fold_gives_the_table_back() -> None:
    host = FakeHost({"RMI_RTT_FOLD": [(0, 0x7000)]})
    assert tables(host, delegated=(0x7000,)).fold(L2 + 0x3000, 3).ok
    assert host.asked_of("RMI_RTT_FOLD") == [(RD, L2, 3)]
    assert not host.delegated


def test_fold_that_is_refused_keeps_the_table() -> None:
    host = FakeHost({"RMI_RTT_FOLD": [rtt_error(3)]})
    assert not tables(host, delegated=(0x7000,)).fold(0, 3).ok
    assert host.delegated == {0x7000}


def test_unprotected_mapping() -> None:
    host = FakeHost({"RMI_RTT_READ_ENTRY": [reached(3)]})
    subject = tables(host)
    assert subject.unprotected_base == 1 << 31
    subject.map_unprotected(subject.unprotected_base, Pa(0x5000), s2ap=1)
    # MemAttr in bits 4:2 (0b110 is write-back), S2AP in bits 7:6.
    assert host.asked_of("RMI_RTT_MAP_UNPROTECTED") == [(RD, 1 << 31, 3, 0x5000 | 6 << 2 | 1 << 6)]
    assert unprotected_desc(0x5000) == 0x5000 | 6 << 2 | 3 << 6
    assert unprotected_desc(0x5000, mem_attr=5) == 0x5000 | 5 << 2 | 3 << 6


def test_init_ripas_goes_on_where_the_rmm_stopped() -> None:
    host = FakeHost(
        {
            "RMI_RTT_INIT_RIPAS": [(0, L2), rtt_error(2), (0, L2 + 2 * L3)],
            "RMI_RTT_READ_ENTRY": [reached(2), reached(3)],
        }
    )
    done = tables(host).init_ripas(0, L2 + 2 * L3)
    assert done == [(0, L2, L2), (L2, L2 + 2 * L3, L3)]
    assert asked(host) == [
        ("RMI_RTT_INIT_RIPAS", 0, L2 + 2 * L3),
        ("RMI_RTT_READ_ENTRY", 0, 3),
        ("RMI_RTT_INIT_RIPAS", L2, L2 + 2 * L3),
        ("RMI_RTT_CREATE", POOL, L2, 3),
        ("RMI_RTT_INIT_RIPAS", L2, L2 + 2 * L3),
        ("RMI_RTT_READ_ENTRY", L2, 3),
    ]


def test_set_ripas_goes_on_where_the_rmm_stopped() -> None:
    host = FakeHost({"RMI_RTT_SET_RIPAS": [rtt_error(2), (0, L3), (0, 2 * L3)]})
    tables(host).set_ripas(Pa(0x5000), 0, 2 * L3)
    assert asked(host) == [
        ("RMI_RTT_SET_RIPAS", 0x5000, 0, 2 * L3),
        ("RMI_RTT_CREATE", POOL, 0, 3),
        ("RMI_RTT_SET_RIPAS", 0x5000, 0, 2 * L3),
        ("RMI_RTT_SET_RIPAS", 0x5000, L3, 2 * L3),
    ]


@pytest.mark.parametrize("answer", [INPUT, rtt_error(3)])
def test_ripas_that_cannot_be_changed(answer: Words) -> None:
    host = FakeHost({"RMI_RTT_INIT_RIPAS": [answer], "RMI_RTT_SET_RIPAS": [answer]})
    with pytest.raises(CommandFailed, match="RMI_RTT_INIT_RIPAS"):
        tables(host).init_ripas(0, L3)
    with pytest.raises(CommandFailed, match="RMI_RTT_SET_RIPAS"):
        tables(host).set_ripas(Pa(0x5000), 0, L3)


@pytest.mark.parametrize("reaches", [L3, 0])
def test_ripas_without_progress(reaches: int) -> None:
    answer = (0, reaches)
    host = FakeHost({"RMI_RTT_INIT_RIPAS": [answer], "RMI_RTT_SET_RIPAS": [answer]})
    host.answers["RMI_RTT_READ_ENTRY"] = [reached(3)]
    text = r"no progress at 0x1000: RMI_RTT_{}_RIPAS\(.*\nhint: the RMM gives the same answer"
    with pytest.raises(RealmError, match=text.format("INIT")):
        tables(host).init_ripas(L3, 2 * L3)
    with pytest.raises(RealmError, match=text.format("SET")):
        tables(host).set_ripas(Pa(0x5000), L3, 2 * L3)


def test_tear_down_destroys_from_the_leaves_up_and_follows_top() -> None:
    half, end = 1 << 39, 1 << 40
    host = FakeHost(
        {
            "RMI_RTT_DESTROY": [
                rtt_error(2, 0, 0),  # the table at level 2 is live
                rtt_error(3, 0, 0),  # so is the one at level 3 in it
                (0, 0xC000, L1),
                (0, 0xD000, 3 * L1),
                rtt_error(1, 0, half + 5 * L3),  # nothing before the unprotected half
                (0, 0xE000, end),
            ],
            "RMI_DATA_DESTROY": [(0, 0xA000, 5 * L3), rtt_error(3, 0, 7 * L3), (0, 0xB000, L2)],
        }
    )
    granules = (0xA000, 0xB000, 0xC000, 0xD000, 0xE000)
    tables(host, start_level=1, ipa_width=40, delegated=granules).tear_down()
    assert asked(host) == [
        ("RMI_RTT_DESTROY", 0, 2),
        ("RMI_RTT_DESTROY", 0, 3),
        ("RMI_DATA_DESTROY", 0),
        ("RMI_DATA_DESTROY", 5 * L3),
        ("RMI_DATA_DESTROY", 7 * L3),
        ("RMI_RTT_DESTROY", 0, 3),
        ("RMI_RTT_DESTROY", 0, 2),
        ("RMI_RTT_DESTROY", 3 * L1, 2),
        ("RMI_RTT_DESTROY", half, 2),
    ]
    assert host.asked_of("RMI_GRANULE_UNDELEGATE") == [(granule,) for granule in granules]


def test_tear_down_opens_blocks_of_the_realm_and_unmaps_shared_ones() -> None:
    half, end = 1 << 31, 1 << 32
    host = FakeHost(
        {
            "RMI_RTT_DESTROY": [
                rtt_error(2, 0, L2),  # the next live entry
                rtt_error(2, 0, L2),  # is itself the leaf
                (0, POOL, L2),
                rtt_error(2, 0, half),
                rtt_error(2, 0, half),
                rtt_error(2, 0, end),
            ],
            "RMI_DATA_DESTROY": [(0, 0xA000, 2 * L2)],
        }
    )
    tables(host, delegated=(0xA000,)).tear_down()
    assert asked(host) == [
        ("RMI_RTT_DESTROY", 0, 3),
        ("RMI_RTT_DESTROY", L2, 3),
        ("RMI_RTT_CREATE", POOL, L2, 3),
        ("RMI_DATA_DESTROY", L2),
        ("RMI_RTT_DESTROY", L2, 3),
        ("RMI_RTT_DESTROY", 2 * L2, 3),
        ("RMI_RTT_DESTROY", half, 3),
        ("RMI_RTT_UNMAP_UNPROTECTED", half, 2),
        ("RMI_RTT_DESTROY", half + L2, 3),
    ]
    assert not host.delegated


@pytest.mark.parametrize(
    "answers",
    [
        [rtt_error(2, 0, 5 * L3)],  # the next live address lies in this very entry
        [rtt_error(3, 0, 0), rtt_error(3, 0, 0)],  # live again after it was emptied
    ],
)
def test_tear_down_without_progress(answers: list[Words]) -> None:
    host = FakeHost({"RMI_RTT_DESTROY": answers, "RMI_DATA_DESTROY": [rtt_error(3, 0, L2)]})
    with pytest.raises(RealmError, match=r"no progress at 0x0: RMI_RTT_DESTROY\("):
        tables(host).tear_down()


def test_tear_down_that_is_refused() -> None:
    with pytest.raises(CommandFailed, match=r"RMI_RTT_DESTROY.*RMI_ERROR_INPUT"):
        tables(FakeHost({"RMI_RTT_DESTROY": [INPUT]})).tear_down()
    stuck = {"RMI_RTT_DESTROY": [rtt_error(3)], "RMI_DATA_DESTROY": [rtt_error(3)]}
    with pytest.raises(CommandFailed, match=r"RMI_DATA_DESTROY.*RMI_ERROR_RTT\(3\)"):
        tables(FakeHost(dict(stuck))).tear_down()
