# SPDX-License-Identifier: BSD-3-Clause
"""The firmware reaches the normal world with an RMM behind it."""

from __future__ import annotations

import pytest

from harness.abi import codec, tables
from harness.link.protocol import MAGIC, OP_HELLO
from harness.machine import Machine
from harness.realm import NormalWorld
from harness.realm.zoo import SPECIAL
from harness.rmi import Rmi, Succeeds
from harness.types import MASK64, Pa

pytestmark = pytest.mark.rmi

RMI_1_0 = tables().constants["RMI_ABI_VERSION"]
MANIFEST = Pa(0x418F_F000)
"""The page that EL3 shares with the RMM on QEMU's virt machine."""


def test_the_normal_world_runs_at_el2(ns: NormalWorld) -> None:
    """The host answers on the PE that booted, at EL2."""
    magic, _, pe, _, current_el, *_ = ns.link.call(OP_HELLO).values
    assert (magic, pe) == (MAGIC, 0)
    assert current_el >> 2 == 2


def test_boot_raises_no_alarm(machine: Machine) -> None:
    """No console showed a panic, an exception dump or a refused boot manifest."""
    assert machine.alarms.first is None


@pytest.mark.requires("rmi-1.0")
def test_the_rmm_answers_on_the_boot_pe(rmi: Rmi) -> None:
    """RMI_VERSION works, so EL3 has started an RMM."""
    assert rmi.version(RMI_1_0) == Succeeds()


@pytest.mark.requires("rmi-1.0")
def test_the_rmm_answers_on_a_pe_that_came_up_later(rmi: Rmi, second_pe: int) -> None:
    """EL3 enters the RMM on each PE that PSCI brings up."""
    assert rmi.on(second_pe).version(RMI_1_0) == Succeeds()


def test_memory_starts_as_the_normal_world_s(ns: NormalWorld) -> None:
    """At boot the host may use its DRAM and none of the RMM's."""
    base = ns.pool.take(1024)
    assert not any(ns.link.probe(base, 1024))
    assert all(ns.link.probe(SPECIAL["rmm"], 64))


@pytest.mark.requires("mailbox", "realms")
@pytest.mark.parametrize("list_name", ["banks", "consoles"])
def test_the_boot_manifest_of_el3_adds_up(machine: Machine, list_name: str) -> None:
    """RMM-EL3 manifest v0.3: count, pointer, elements and checksum of a list sum to 0."""
    manifest = codec("RmmManifest")
    fields = manifest.unpack(machine.ram.read(MANIFEST, manifest.layout.size))
    count, pointer = fields[f"num_{list_name}"], fields[list_name]
    checksum = fields[f"{list_name}_checksum"]
    assert isinstance(count, int)
    assert isinstance(pointer, int)
    assert isinstance(checksum, int)
    element = tables().struct(
        {"banks": "RmmManifestBank", "consoles": "RmmManifestConsole"}[list_name]
    )
    words = [machine.ram.read_u64(pointer + at) for at in range(0, count * element.size, 8)]
    assert count > 0
    assert (count + pointer + sum(words) + checksum) & MASK64 == 0
