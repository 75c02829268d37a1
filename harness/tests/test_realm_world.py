# SPDX-License-Identifier: BSD-3-Clause
"""The normal world: pages, delegation that leaves nothing half done, VMIDs."""

from __future__ import annotations

import pytest

from harness.errors import AbiError, HarnessError
from harness.realm import NormalWorld
from harness.rmi import CommandFailed
from harness.tests.fake_host import INPUT, FakeHost, Words, new_world
from harness.types import GRANULE_BYTES, Pa

PAGE = GRANULE_BYTES
POOL = 0x8000_0000


def refusing(host: FakeHost, granule: int) -> NormalWorld:
    """A world in which one granule cannot be delegated."""

    def delegate(addr: int) -> Words:
        if addr == granule:
            return INPUT
        host.delegated.add(addr)
        return (0,)

    host.answers["RMI_GRANULE_DELEGATE"] = delegate
    return new_world(host)


def test_page_is_filled_and_padded() -> None:
    world = new_world()
    world.pool.take()
    base = world.page(b"text", count=2, align_bytes=4 * PAGE)
    assert base == POOL + 4 * PAGE
    assert world.read(base, 2 * PAGE) == b"text".ljust(2 * PAGE, b"\0")
    assert world.page() == base + 2 * PAGE


def test_run_of_granules_is_delegated_and_given_back() -> None:
    host = FakeHost()
    world = new_world(host)
    base = world.delegated(3, align_bytes=4 * PAGE)
    assert sorted(host.delegated) == [base, base + PAGE, base + 2 * PAGE]
    assert base % (4 * PAGE) == 0
    world.undelegate(base, 3)
    assert not host.delegated


def test_delegation_is_all_or_nothing() -> None:
    host = FakeHost()
    world = refusing(host, POOL + 2 * PAGE)
    with pytest.raises(CommandFailed, match="wanted success, seen RMI_GRANULE_DELEGATE"):
        world.delegated(4)
    assert not host.delegated
    assert host.asked_of("RMI_GRANULE_UNDELEGATE") == [(POOL,), (POOL + PAGE,)]


@pytest.mark.parametrize("error", [CommandFailed("no"), AbiError("no")])
def test_granules_lent_to_a_command_that_fails_come_back(error: HarnessError) -> None:
    host = FakeHost()
    world = new_world(host)

    def fail() -> None:
        with world.lending(Pa(POOL), Pa(POOL + PAGE)) as lent:
            assert sorted(host.delegated) == [lent, lent + PAGE]
            raise error

    with pytest.raises(type(error), match="no"):
        fail()
    assert not host.delegated


def test_granules_lent_to_a_command_that_succeeds_stay() -> None:
    host = FakeHost()
    with new_world(host).lending(Pa(POOL)) as lent:
        pass
    assert host.delegated == {lent}


def test_undelegation_that_is_refused() -> None:
    world = new_world()
    with pytest.raises(CommandFailed, match="RMI_GRANULE_UNDELEGATE"):
        world.undelegate(POOL)
    assert not world.try_undelegate(POOL).ok


@pytest.mark.parametrize(
    ("offset", "size_bytes", "left"), [(0, PAGE, [1]), (PAGE - 1, 2, []), (0, 1, [1])]
)
def test_granule_that_the_host_wrote_to_needs_no_wiping(
    offset: int, size_bytes: int, left: list[int]
) -> None:
    world = new_world()
    base = world.delegated(2)
    world.undelegate(base, 2)
    world.write(base + offset, bytes(size_bytes))
    assert world.ledger.returned() == [Pa(base + n * PAGE) for n in left]


def test_poke_counts_as_writing() -> None:
    world = new_world()
    base = world.delegated()
    world.undelegate(base)
    assert world.poke(base + 8, 0x1234, 2).ok
    assert world.read(base + 8, 2) == b"\x34\x12"
    assert world.ledger.returned() == []


def test_features_are_asked_once() -> None:
    host = FakeHost({"RMI_FEATURES": [(0, 0x30)]})
    world = new_world(host)
    assert (world.features, world.features) == (0x30, 0x30)
    assert host.asked_of("RMI_FEATURES") == [(0,)]


def test_vmid_is_the_lowest_that_is_free() -> None:
    world = new_world()
    assert [world.new_vmid() for _ in range(3)] == [1, 2, 3]
    world.release_vmid(2)
    assert [world.new_vmid() for _ in range(2)] == [2, 4]
