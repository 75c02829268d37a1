# SPDX-License-Identifier: BSD-3-Clause
"""What a booted Linux host can do for realms, and the reason for each thing that it cannot."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from harness.launch.kvmtool import kvmtool
from harness.launch.qemu import qemu, vm
from harness.launch.realm_run import realm_run
from harness.launch.uapi import EXPLICIT, MINIMAL, Uapi, uapi_of
from harness.launch.words import Launcher

PROBE = "/tmp/cca-kvm-probe"
"""Where ``images/linux/kvm-probe`` is put on the host."""

FOUND_OUT = frozenset(
    {
        *("kvm", "kvm-realms", "dev-rmi", "kernel-btf", "uapi-explicit", "uapi-minimal"),
        *("host-pages-4k", "host-pages-16k", "host-pages-64k"),
        *("launcher-kvmtool", "launcher-qemu", "launcher-realm-run", "launcher-vm"),
    }
)
"""Capabilities that no stack file states: a booted host is asked (``HostAbilities.lacking``)."""

ERRNO_NAMES: Mapping[int, str] = {1: "EPERM", 2: "ENOENT", 7: "E2BIG", 12: "ENOMEM", 22: "EINVAL"}
_ALL = ("kvmtool", "qemu", "realm-run", "vm")


@dataclass(frozen=True, slots=True)
class Program:
    """A launcher's program as found on the host: its path, version line and whole help."""

    path: str
    version: str
    help: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HostAbilities:
    """The answers of one host. ``created`` maps what was asked of KVM_CREATE_VM (``plain``,
    ``bad``, the number of a realm's type bit) to 0 or an errno; ``capabilities`` those of
    each kind of VM (``host``, ``vm``, ``realm``).
    """

    kernel: str
    page_bytes: int
    devices: frozenset[str]
    log: tuple[str, ...] = ()
    rmi_version: str = ""
    created: Mapping[str, int] = field(default_factory=dict)
    capabilities: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    programs: Mapping[str, Program] = field(default_factory=dict)
    btf: bool = False

    @property
    def uapi(self) -> Uapi:
        """The generation of KVM's interface for realms (explicit, unless the host says more)."""
        return uapi_of(self.rmi_version) if self.rmi_version else EXPLICIT

    def lacks_kvm(self) -> str:
        """Why there can be no VM, "" where there can."""
        if "/dev/kvm" not in self.devices:
            return "the host has no /dev/kvm"
        if self.created.get("plain"):
            return f"KVM_CREATE_VM fails on the host: {_errno(self.created['plain'])}"
        return ""

    def lacks_kvm_realms(self) -> str:
        """Why KVM makes no realms, "" where it does."""
        if reason := self.lacks_kvm():
            return reason
        for line in self.log:
            if "Unsupported RMI ABI" in line:
                return f"the host's KVM refused the RMM: {line}"
        asked = {bit: error for bit, error in self.created.items() if bit.isdigit()}
        if any(error == 0 for error in asked.values()):
            return ""
        if any(error == 1 for error in asked.values()):
            return "KVM knows realms but found no usable RMM (KVM_CREATE_VM: EPERM)"
        if asked:
            bits = ", ".join(asked)
            return (
                f"KVM of kernel {self.kernel} has no realm capability"
                f" (KVM_CREATE_VM with type bit {bits}: {_errno(next(iter(asked.values())))})"
            )
        return "" if self.rmi_version else "KVM's log has no 'RMI ABI version' line"

    def lacks_dev_rmi(self) -> str:
        """Why realm-run cannot work, "" where it can."""
        return "" if "/dev/rmi" in self.devices else "the host has no /dev/rmi (module rmi)"

    def lacks(self, launcher: str) -> str:
        """Why a launcher cannot be used here, "" where it can."""
        checks: Mapping[str, tuple[str, Callable[[], str]]] = {
            "kvmtool": ("lkvm", self.lacks_kvm_realms),
            "qemu": ("qemu-system-aarch64", self.lacks_kvm_realms),
            "realm-run": ("realm-run", self.lacks_dev_rmi),
            "vm": ("qemu-system-aarch64", self.lacks_kvm),
        }
        program, ground = checks[launcher]
        if reason := ground():
            return reason
        found = self.programs.get(program)
        if found is None:
            return f"the host has no {program}"
        if launcher == "kvmtool" and "--realm" not in found.help:
            return "the host's lkvm knows no --realm"
        if launcher == "qemu" and "rme-guest" not in found.help:
            return "the host's QEMU has no object rme-guest"
        return ""

    @property
    def launchers(self) -> tuple[str, ...]:
        """Names of the launchers that can be used here."""
        return tuple(name for name in _ALL if not self.lacks(name))

    def lacking(self, capability: str) -> str:
        """The reason why the host lacks a capability that tests ask for, "" if it has it.

        These are the names in ``FOUND_OUT``.
        """
        if capability.startswith("launcher-") and capability[9:] in _ALL:
            return self.lacks(capability[9:])
        if capability.startswith("uapi-"):
            wanted = {"uapi-explicit": EXPLICIT, "uapi-minimal": MINIMAL}.get(capability)
            same = wanted is self.uapi
            return self.lacks_kvm_realms() or (
                "" if same else f"the host has the {self.uapi.name} interface"
            )
        if capability.startswith("host-pages-"):
            have = f"{self.page_bytes >> 10}k"
            return "" if capability.endswith(f"-{have}") else f"the host has pages of {have}"
        checks: Mapping[str, Callable[[], str]] = {
            "kvm": self.lacks_kvm,
            "kvm-realms": self.lacks_kvm_realms,
            "dev-rmi": self.lacks_dev_rmi,
            "kernel-btf": lambda: "" if self.btf else "the host's kernel shows no BTF",
        }
        return checks[capability]() if capability in checks else f"no host has {capability!r}"

    def launcher(self, name: str) -> Launcher:
        """The launcher with the options that this host's program has."""
        program = self.programs.get({"kvmtool": "lkvm", "realm-run": "realm-run"}.get(name, _QEMU))
        options = frozenset(program.help.replace(",", " ").split()) if program else None
        if name == "kvmtool":
            return kvmtool(self.uapi, options)
        if name == "realm-run":
            return realm_run(options)
        if name == "qemu":
            return qemu(self.uapi, _properties(options))
        return vm()


_QEMU = "qemu-system-aarch64"


def _properties(options: frozenset[str] | None) -> frozenset[str] | None:
    """QEMU lists properties as ``name=<type>``."""
    return None if options is None else options | {word.split("=")[0] for word in options}


def _errno(number: int) -> str:
    return ERRNO_NAMES.get(number, f"errno {number}")
