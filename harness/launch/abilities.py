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

ERRNO_NAMES: Mapping[int, str] = {1: "EPERM", 2: "ENOENT", 7: "E2BIG", 12: "ENOMEM", 22: "EINVAL"}


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
        kind = LAUNCHERS[launcher]
        if reason := kind.ground(self):
            return reason
        found = self.programs.get(kind.program)
        if found is None:
            return f"the host has no {kind.program}"
        if kind.mark not in found.help:
            return f"the host's {kind.lacking_mark}"
        return ""

    @property
    def launchers(self) -> tuple[str, ...]:
        """Names of the launchers that can be used here."""
        return tuple(name for name in LAUNCHERS if not self.lacks(name))

    def lacking(self, capability: str) -> str:
        """The reason why the host lacks a capability that tests ask for, "" if it has it.

        These are the names in ``FOUND_OUT``.
        """
        if capability.startswith("launcher-") and capability[9:] in LAUNCHERS:
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
        kind = LAUNCHERS[name]
        program = self.programs.get(kind.program)
        options = frozenset(program.help.replace(",", " ").split()) if program else None
        return kind.make(self.uapi, options)


@dataclass(frozen=True, slots=True)
class LauncherKind:
    """What one launcher needs on a host, and how it is made.

    ``asks`` are shell commands that print the program's help. ``ground`` says why the host
    cannot run its realms, ``mark`` is what the help of a program that can has in it
    (``lacking_mark``: what is said where it has not). ``make`` gets the generation of KVM's
    interface and the options of the help, None where that is not known.
    """

    title: str
    program: str
    ground: Callable[[HostAbilities], str]
    make: Callable[[Uapi, frozenset[str] | None], Launcher]
    asks: tuple[str, ...] = ()
    mark: str = ""
    lacking_mark: str = ""


_QEMU = "qemu-system-aarch64"

LAUNCHERS: Mapping[str, LauncherKind] = {
    "kvmtool": LauncherKind(
        title="kvmtool",
        program="lkvm",
        asks=("lkvm run --help",),
        ground=HostAbilities.lacks_kvm_realms,
        make=kvmtool,
        mark="--realm",
        lacking_mark="lkvm knows no --realm",
    ),
    "qemu": LauncherKind(
        title="QEMU",
        program=_QEMU,
        asks=(f"{_QEMU} -object help", f"{_QEMU} -object rme-guest,help"),
        ground=HostAbilities.lacks_kvm_realms,
        make=lambda uapi, options: qemu(uapi, _properties(options)),
        mark="rme-guest",
        lacking_mark="QEMU has no object rme-guest",
    ),
    "realm-run": LauncherKind(
        title="realm-run",
        program="realm-run",
        asks=("realm-run --help",),
        ground=HostAbilities.lacks_dev_rmi,
        make=lambda _uapi, options: realm_run(options),
    ),
    "vm": LauncherKind(
        title="ordinary VM",
        program=_QEMU,
        ground=HostAbilities.lacks_kvm,
        make=lambda _uapi, _options: vm(),
    ),
}
"""Every launcher that there is, by the name that tests and stacks give it."""

FOUND_OUT = frozenset(
    {
        *("kvm", "kvm-realms", "dev-rmi", "kernel-btf", "uapi-explicit", "uapi-minimal"),
        *("host-pages-4k", "host-pages-16k", "host-pages-64k"),
        *(f"launcher-{name}" for name in LAUNCHERS),
    }
)
"""Capabilities that no stack file states: a booted host is asked (``HostAbilities.lacking``)."""


def _properties(options: frozenset[str] | None) -> frozenset[str] | None:
    """QEMU lists properties as ``name=<type>``."""
    return None if options is None else options | {word.split("=")[0] for word in options}


def _errno(number: int) -> str:
    return ERRNO_NAMES.get(number, f"errno {number}")
