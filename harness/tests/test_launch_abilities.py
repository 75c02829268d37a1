# SPDX-License-Identifier: BSD-3-Clause
"""What a host can do for realms: its answers, parsed, and the reasons for what it cannot."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from harness.launch import MINIMAL, OptionRefused, RealmConfig
from harness.launch.abilities import FOUND_OUT, PROBE, HostAbilities, Program
from harness.launch.ask import QUESTION, CannotAsk, ask_host, describe, parse_answer

STOCK = """\
@@cca@@ kernel
6.12.48+deb13-cloud-arm64
@@cca@@ pages
4096
@@cca@@ devices
/dev/kvm
/dev/rmi
@@cca@@ log
@@cca@@ btf
/sys/kernel/btf/vmlinux
@@cca@@ probe
open /dev/kvm 0
api version 12
host sve 1
create plain 0
vm ipa-bits 40
create bad -22
create 8 -22
create 30 -22
@@cca@@ program realm-run
/usr/bin/realm-run
realm-run: unrecognized option '--version'
usage: realm-run --recs N --mem SIZE
@@cca@@ end
"""

PATCHED = STOCK.replace("create 8 -22", "create 8 0\nrealm steal-time 0").replace(
    "@@cca@@ btf", "[    0.5] kvm [1]: RMI ABI version 1.0\n@@cca@@ btf"
)
LKVM = "@@cca@@ program lkvm\n/usr/bin/lkvm\nkvmtool 3.18\n --realm  --measurement-algo\n"
WITH_LKVM = PATCHED.replace("@@cca@@ end", LKVM + "@@cca@@ end")


def test_stock_host_has_realm_run_and_ordinary_vms_only() -> None:
    host = parse_answer(STOCK)
    assert (host.kernel, host.page_bytes, host.btf) == ("6.12.48+deb13-cloud-arm64", 4096, True)
    assert host.devices == {"/dev/kvm", "/dev/rmi"}
    assert host.created == {"plain": 0, "bad": 22, "8": 22, "30": 22}
    assert host.capabilities == {"host": {"sve": 1}, "vm": {"ipa-bits": 40}}
    assert host.launchers == ("realm-run",)
    assert host.lacking("kvm") == ""
    assert host.lacking("kvm-realms") == (
        "KVM of kernel 6.12.48+deb13-cloud-arm64 has no realm capability"
        " (KVM_CREATE_VM with type bit 8, 30: EINVAL)"
    )
    assert host.lacks("vm") == "the host has no qemu-system-aarch64"


def test_host_with_the_series_and_kvmtool() -> None:
    host = parse_answer(WITH_LKVM)
    assert host.rmi_version == "1.0"
    assert host.launchers == ("kvmtool", "realm-run")
    assert host.lacking("kvm-realms") == ""
    assert host.lacking("uapi-explicit") == ""
    assert host.lacking("uapi-minimal") == "the host has the explicit interface"
    command = host.launcher("kvmtool").command(RealmConfig(kernel="/Image"))
    assert command[:4] == ["lkvm", "run", "--realm", "--restricted_mem"]
    with pytest.raises(OptionRefused, match="the lkvm of this host does not know --realm-pv"):
        host.launcher("kvmtool").command(RealmConfig(kernel="/Image", rpv=b"x"))


def test_host_with_rmi_2_has_the_minimal_interface() -> None:
    host = parse_answer(WITH_LKVM.replace("version 1.0", "version 2.0"))
    assert host.uapi is MINIMAL
    command = host.launcher("kvmtool").command(RealmConfig(kernel="/Image"))
    assert "--restricted_mem" not in command


STOCK_HOST = parse_answer(STOCK)
QEMU = Program("/usr/bin/qemu-system-aarch64", "QEMU 10.0.2", "rng-random\ncryptodev")


@pytest.mark.parametrize(
    ("changes", "capability", "reason"),
    [
        ({"devices": frozenset()}, "kvm", "the host has no /dev/kvm"),
        ({"devices": frozenset()}, "kvm-realms", "the host has no /dev/kvm"),
        ({"devices": frozenset()}, "launcher-kvmtool", "the host has no /dev/kvm"),
        ({"devices": frozenset()}, "dev-rmi", "the host has no /dev/rmi (module rmi)"),
        ({"devices": frozenset()}, "launcher-realm-run", "the host has no /dev/rmi (module rmi)"),
        ({"programs": {}}, "launcher-realm-run", "the host has no realm-run"),
        ({"created": {"plain": 12}}, "kvm", "KVM_CREATE_VM fails on the host: ENOMEM"),
        ({"created": {"plain": 99}}, "kvm", "KVM_CREATE_VM fails on the host: errno 99"),
        (
            {"created": {"8": 1, "30": 22}},
            "kvm-realms",
            "KVM knows realms but found no usable RMM (KVM_CREATE_VM: EPERM)",
        ),
        ({"created": {}}, "kvm-realms", "KVM's log has no 'RMI ABI version' line"),
        (
            {"log": ("kvm [1]: Unsupported RMI ABI (v2.0 - v2.0) we want v1.0",)},
            "kvm-realms",
            (
                "the host's KVM refused the RMM: kvm [1]: Unsupported RMI ABI (v2.0 - v2.0)"
                " we want v1.0"
            ),
        ),
        ({"created": {"8": 0}}, "launcher-kvmtool", "the host has no lkvm"),
        (
            {"created": {"8": 0}, "programs": {"lkvm": Program("/l", "", "-k -i")}},
            "launcher-kvmtool",
            "the host's lkvm knows no --realm",
        ),
        (
            {"created": {"8": 0}, "programs": {"qemu-system-aarch64": QEMU}},
            "launcher-qemu",
            "the host's QEMU has no object rme-guest",
        ),
        ({"programs": {"qemu-system-aarch64": QEMU}}, "launcher-vm", ""),
        ({"btf": False}, "kernel-btf", "the host's kernel shows no BTF"),
        ({}, "host-pages-64k", "the host has pages of 4k"),
        ({}, "host-pages-4k", ""),
        ({}, "wings", "no host has 'wings'"),
    ],
)
def test_reason_for_what_a_host_lacks(
    changes: dict[str, object], capability: str, reason: str
) -> None:
    host = replace(STOCK_HOST, **changes)  # type: ignore[arg-type]
    assert host.lacking(capability) == reason


def test_every_capability_that_is_found_out_has_an_answer() -> None:
    assert not [name for name in FOUND_OUT if "no host has" in STOCK_HOST.lacking(name)]


def test_refused_rmm_is_no_version() -> None:
    text = PATCHED.replace("RMI ABI version 1.0", "Unsupported RMI ABI (v2.0 - v2.0) we want v1.0")
    assert parse_answer(text).rmi_version == ""


def test_answer_that_breaks_off_is_an_error() -> None:
    with pytest.raises(CannotAsk, match="did not say to the end") as caught:
        parse_answer(STOCK.removesuffix("@@cca@@ end\n"))
    assert "usage: realm-run" in caught.value.message


def test_description_has_each_reason() -> None:
    lines = describe(STOCK_HOST)
    assert "kernel 6.12.48+deb13-cloud-arm64, pages of 4 KiB" in lines
    assert "RMI: no line in the log" in lines
    assert "launcher realm-run: yes" in lines
    assert "launcher vm: the host has no qemu-system-aarch64" in lines
    assert "realm-run: /usr/bin/realm-run" in lines
    assert "RMI 1.0 (host log)" in describe(parse_answer(PATCHED))


@dataclass
class LocalShell:
    """Runs the question on this machine: its shell stands for the host's."""

    put_files: list[str]

    @dataclass
    class Done:
        output: str

    def run(self, command: str, *, timeout_s: float = 10) -> Done:
        argv = ["sh", "-c", command]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=timeout_s, check=False)
        return self.Done(done.stdout)

    def put(self, source: Path | bytes, remote: str, mode: int = 0o755) -> None:
        del source, mode
        self.put_files.append(remote)


def test_question_is_answered_by_any_shell() -> None:
    shell = LocalShell([])
    host = ask_host(shell, Path("probe"))
    assert isinstance(host, HostAbilities)
    assert host.page_bytes >= 4096
    assert host.kernel != "?"
    assert shell.put_files == [PROBE]
    assert PROBE in QUESTION
