# SPDX-License-Identifier: BSD-3-Clause
"""RMI_GRANULE_DELEGATE and RMI_GRANULE_UNDELEGATE: results, and who may use the granule."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from harness.link import MailboxLink
from harness.machine import Machine
from harness.plugin.prepared import StackWith
from harness.realm import NormalWorld, Zoo
from harness.realm.pool import granules
from harness.realm.zoo import IN_USE, SPECIAL, kinds_but, refusal
from harness.rmi import Fails, Rmi, Succeeds
from harness.types import Pa

pytestmark = [pytest.mark.rmi, pytest.mark.requires("granules")]


def test_delegate_takes_a_granule_out_of_the_normal_world(ns: NormalWorld, rmi: Rmi) -> None:
    """RMI_GRANULE_DELEGATE, success: the GPT entry becomes Realm (GDEL-11)."""
    granule = ns.page()
    assert rmi.granule_delegate(granule) == Succeeds()
    assert ns.peek(granule).granule_fault
    ns.undelegate(granule)


def test_undelegate_gives_a_granule_back_to_the_normal_world(ns: NormalWorld, rmi: Rmi) -> None:
    """RMI_GRANULE_UNDELEGATE, success: the GPT entry becomes Non-secure (GUND-09)."""
    granule = ns.delegated()
    assert rmi.granule_undelegate(granule) == Succeeds()
    assert ns.poke(granule, 0x600D).ok
    assert ns.peek(granule).value == 0x600D


@pytest.mark.requires("rmi-1.0")
@pytest.mark.parametrize("offset_bytes", [1, 8, 0x800, 0xFFF])
def test_delegate_wants_a_granule_aligned_address(
    ns: NormalWorld, rmi: Rmi, offset_bytes: int
) -> None:
    """RMI_GRANULE_DELEGATE, gran_align (GDEL-01)."""
    granule = ns.page()
    assert rmi.granule_delegate(granule + offset_bytes) == Fails("gran_align")
    assert ns.peek(granule).ok


@pytest.mark.requires("rmi-1.0")
@pytest.mark.parametrize("offset_bytes", [1, 8, 0x800, 0xFFF])
def test_undelegate_wants_a_granule_aligned_address(
    ns: NormalWorld, rmi: Rmi, offset_bytes: int
) -> None:
    """RMI_GRANULE_UNDELEGATE, gran_align (GUND-01)."""
    granule = ns.delegated()
    assert rmi.granule_undelegate(granule + offset_bytes) == Fails("gran_align")
    assert ns.peek(granule).granule_fault
    ns.undelegate(granule)


@pytest.mark.requires("rmi-1.0")
@pytest.mark.parametrize("kind", [kind for kind in SPECIAL if kind != "rmm"])
def test_delegate_takes_nothing_but_dram(rmi: Rmi, kind: str) -> None:
    """RMI_GRANULE_DELEGATE, gran_bound (GDEL-02, GDEL-03, GDEL-10)."""
    assert rmi.granule_delegate(SPECIAL[kind]) == Fails("gran_bound")


@pytest.mark.requires("rmi-1.0")
@pytest.mark.parametrize("kind", [kind for kind in SPECIAL if kind != "rmm"])
def test_undelegate_takes_nothing_but_dram(rmi: Rmi, kind: str) -> None:
    """RMI_GRANULE_UNDELEGATE, gran_bound (GUND-02, GUND-03)."""
    assert rmi.granule_undelegate(SPECIAL[kind]) == Fails("gran_bound")


@pytest.mark.requires("rmi-1.0")
def test_delegate_refuses_memory_of_the_rmm_itself(rmi: Rmi) -> None:
    """RMI_GRANULE_DELEGATE, gran_gpt: DRAM whose GPT entry is Realm already (GDEL-09)."""
    assert rmi.granule_delegate(SPECIAL["rmm"]) == Fails("gran_gpt")


@pytest.mark.requires("realms", "mailbox")
def test_delegate_refuses_dram_that_the_machine_lacks(
    stack_with: StackWith, own_folder: Path
) -> None:
    """EL3 tells of 3 GiB, the machine has 2: RMI_ERROR_INPUT, and the RMM goes on."""
    built = stack_with("machine.memory=2G")
    there, absent = Pa(0x9000_0000), Pa(0xF000_0000)
    with Machine.launch(built, own_folder) as machine:
        link = MailboxLink(machine, built.elfs["host"])
        link.hello()
        assert not link.peek(absent).ok
        assert Rmi(link).granule_delegate(absent) == Fails("gran_bound")
        assert Rmi(link).granule_delegate(there) == Succeeds()
        assert Rmi(link).granule_undelegate(there) == Succeeds()


@pytest.mark.requires("rmi-1.0")
def test_undelegate_refuses_memory_of_the_rmm_itself(rmi: Rmi) -> None:
    """RMI_GRANULE_UNDELEGATE, gran_state: nobody delegated that granule."""
    assert rmi.granule_undelegate(SPECIAL["rmm"]) == Fails("gran_state")


@pytest.mark.requires("realms")
@pytest.mark.parametrize("state", ["delegated", *IN_USE])
def test_delegate_refuses_a_granule_that_is_delegated(rmi: Rmi, zoo: Zoo, state: str) -> None:
    """RMI_GRANULE_DELEGATE, gran_state (GDEL-04..08)."""
    assert rmi.granule_delegate(zoo[state]) == Fails("gran_state")


@pytest.mark.requires("realms")
@pytest.mark.parametrize("state", ["undelegated", *IN_USE])
def test_undelegate_refuses_a_granule_that_is_not_just_delegated(
    rmi: Rmi, zoo: Zoo, state: str
) -> None:
    """RMI_GRANULE_UNDELEGATE, gran_state (GUND-04..08)."""
    assert rmi.granule_undelegate(zoo[state]) == Fails("gran_state")


@pytest.mark.requires("realms")
@pytest.mark.parametrize("kind", kinds_but("undelegated"))
def test_a_refused_delegate_returns_nothing_else(rmi: Rmi, zoo: Zoo, kind: str) -> None:
    """RMI_GRANULE_DELEGATE on failure: x1..x4 are zero."""
    state = "gpt" if kind == "rmm" else "state"
    result = rmi.granule_delegate(zoo.instead_of("undelegated", kind))
    assert result == Fails(refusal("gran", kind, state=state))
    assert result.x[1:5] == (0, 0, 0, 0)


@pytest.mark.requires("rmi-1.0")
def test_delegating_twice_does_not_count(ns: NormalWorld, rmi: Rmi) -> None:
    """After a refused second delegation one undelegation is enough (GRAN-03)."""
    granule = ns.delegated()
    assert rmi.granule_delegate(granule) == Fails("gran_state")
    assert rmi.granule_undelegate(granule) == Succeeds()
    assert rmi.granule_undelegate(granule) == Fails("gran_state")


def test_a_granule_can_be_delegated_again(ns: NormalWorld, rmi: Rmi) -> None:
    """DELEGATE and UNDELEGATE alternate as often as one likes."""
    granule = ns.page()
    for _ in range(5):
        assert rmi.granule_delegate(granule) == Succeeds()
        assert ns.peek(granule).granule_fault
        assert rmi.granule_undelegate(granule) == Succeeds()
        assert ns.peek(granule).ok


def test_granules_come_back_in_any_order(ns: NormalWorld, rmi: Rmi) -> None:
    """A pool of granules, undelegated in another order than delegated (GRAN-01)."""
    pool = list(granules(ns.delegated(64), 64))
    random.Random(1).shuffle(pool)
    for number, granule in enumerate(pool, start=1):
        assert rmi.granule_undelegate(granule) == Succeeds()
        assert all(ns.peek(gone).ok for gone in pool[max(0, number - 3) : number])
        assert all(ns.peek(left).granule_fault for left in pool[number : number + 3])


@pytest.mark.requires("rmi-1.0")
def test_another_pe_may_undelegate(ns: NormalWorld, rmi: Rmi, second_pe: int) -> None:
    """A granule belongs to the host, not to the PE that delegated it (GRAN-02)."""
    granule = ns.page()
    assert rmi.granule_delegate(granule) == Succeeds()
    assert rmi.on(second_pe).granule_delegate(granule) == Fails("gran_state")
    assert rmi.on(second_pe).granule_undelegate(granule) == Succeeds()
    assert rmi.granule_undelegate(granule) == Fails("gran_state")
