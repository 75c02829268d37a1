# SPDX-License-Identifier: BSD-3-Clause
"""What KVM of the host offers to user space: with and without realm support."""

from __future__ import annotations

import pytest

from harness.host import Host
from harness.launch.abilities import PROBE, HostAbilities
from harness.stack.probe import build_kvm_probe

pytestmark = [pytest.mark.linux]

EINVAL, EPERM = 22, 1

HIDDEN_FROM_REALMS = ("guest-debug", "counter-offset", "steal-time", "readonly-mem")
ZERO_FOR_REALMS = ("hw-breakpoints", "hw-watchpoints")


@pytest.mark.requires("kvm")
def test_kvm_control_vm_is_created(abilities: HostAbilities) -> None:
    """A control: an ordinary VM can be made, with the debug registers of this CPU."""
    assert abilities.created["plain"] == 0
    assert abilities.capabilities["vm"]["hw-breakpoints"] >= 2


@pytest.mark.requires("kvm")
def test_kvm_refuses_unknown_bits_of_a_vm_type(abilities: HostAbilities) -> None:
    """KVM_CREATE_VM with a bit that means nothing fails with EINVAL (KVM 11, 14)."""
    assert abilities.created["bad"] == EINVAL


@pytest.mark.requires("kvm")
def test_kvm_without_realm_support_refuses_realm_vms(abilities: HostAbilities) -> None:
    """No realm support: EINVAL. Support without an RMM: EPERM. Never a VM that is none (KVM 14)."""
    if not abilities.lacking("kvm-realms"):
        pytest.skip("not on this host: its KVM makes realms")
    asked = {abilities.created[bit] for bit in abilities.created if bit.isdigit()}
    assert asked <= {EINVAL, EPERM}
    assert asked


@pytest.mark.requires("kvm-realms")
def test_kvm_creates_realm_vms(abilities: HostAbilities) -> None:
    """One of the known type bits makes a realm VM, RMI's version is in the log (KVM 07, 11, 14)."""
    assert 0 in {abilities.created[bit] for bit in abilities.created if bit.isdigit()}
    assert abilities.rmi_version


@pytest.mark.requires("kvm-realms")
@pytest.mark.parametrize("capability", HIDDEN_FROM_REALMS + ZERO_FOR_REALMS)
def test_kvm_hides_capability_from_realm_vms(abilities: HostAbilities, capability: str) -> None:
    """What a realm cannot have is not offered for it (KVM 13, 32)."""
    assert abilities.capabilities["vm"][capability] > 0
    assert abilities.capabilities["realm"][capability] == 0


def test_kvm_probe_leaves_nothing_behind(host: Host) -> None:
    """VMs that are made and closed at once leave no process and no log line."""
    host.shell.put(build_kvm_probe(), PROBE)
    before = host.shell.run("dmesg | wc -l", check=True).output
    done = host.shell.run(f"for n in 1 2 3; do {PROBE} || exit; done", check=True)
    assert done.output.count("create plain 0") == 3
    assert host.shell.run("dmesg | wc -l", check=True).output == before
