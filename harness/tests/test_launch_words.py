# SPDX-License-Identifier: BSD-3-Clause
"""Launchers: what a realm is to be like becomes words of a command line, or is refused."""

from __future__ import annotations

import shlex
from dataclasses import replace
from typing import Any

import pytest

from harness.launch import (
    EXPLICIT,
    MINIMAL,
    SERIES,
    ConsoleKind,
    HashAlgorithm,
    Launcher,
    NetworkKind,
    OptionRefused,
    RealmConfig,
    RealmConfigError,
    kvmtool,
    qemu,
    realm_run,
    vm,
)
from harness.launch.config import FIELDS, MIB
from harness.launch.uapi import uapi_of

LINUX = RealmConfig(kernel="/Image", memory_bytes=256 * MIB)

LAUNCHERS = {
    "kvmtool": kvmtool(EXPLICIT),
    "kvmtool-minimal": kvmtool(MINIMAL),
    "qemu": qemu(EXPLICIT),
    "qemu-minimal": qemu(MINIMAL),
    "realm-run": realm_run(),
    "vm": vm(),
}

SMALL: dict[str, dict[str, Any]] = {"realm-run": {"kernel": None, "memory_bytes": 16 * MIB}}
"""What a launcher's realm is to have instead of what ``LINUX`` says."""

QEMU_TAIL = "-nodefaults -no-reboot -accel kvm -display none -monitor none -kernel /Image"


def line(launcher: Launcher, config: RealmConfig) -> str:
    return shlex.join(launcher.command(config))


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        (
            "kvmtool",
            (
                "lkvm run --realm --restricted_mem --irqchip=gicv3 -k /Image -p console=ttyS0"
                " -m 256 -c 1 --console serial --network mode=none"
            ),
        ),
        (
            "kvmtool-minimal",
            (
                "lkvm run --realm --irqchip=gicv3 -k /Image -p console=ttyS0"
                " -m 256 -c 1 --console serial --network mode=none"
            ),
        ),
        (
            "qemu",
            (
                "qemu-system-aarch64"
                " -M virt,gic-version=3,acpi=off,confidential-guest-support=rme0"
                f" -object rme-guest,id=rme0 -cpu host {QEMU_TAIL}"
                " -append console=ttyAMA0 -m 256M -smp 1 -serial stdio -nic none"
            ),
        ),
        (
            "vm",
            (
                f"qemu-system-aarch64 -M virt,gic-version=3,acpi=off -cpu host {QEMU_TAIL}"
                " -append console=ttyAMA0 -m 256M -smp 1 -serial stdio -nic none"
            ),
        ),
        (
            "realm-run",
            "realm-run --kernel /Image --append console=ttyAMA0 --mem 262144K --recs 1",
        ),
    ],
)
def test_default_realm(name: str, wanted: str) -> None:
    assert line(LAUNCHERS[name], LINUX) == wanted


KVMTOOL_PARTS: list[tuple[dict[str, Any], str]] = [
    ({"recs": 4}, "-c 4"),
    ({"initrd": "/initrd"}, "-i /initrd"),
    ({"command_line": "quiet panic=-1"}, "-p 'console=ttyS0 quiet panic=-1'"),
    ({"shared_bytes": 4 * MIB}, "-p 'console=ttyS0 swiotlb=2048'"),
    ({"console": ConsoleKind.VIRTIO}, "-p console=hvc0"),
    ({"console": ConsoleKind.VIRTIO}, "--console virtio"),
    ({"sve_vl_bits": 0}, "--disable-sve"),
    ({"sve_vl_bits": 256}, "--sve-vl 256"),
    ({"hash_algorithm": HashAlgorithm.SHA_512}, "--measurement-algo sha512"),
    ({"rpv": b"a nonce"}, "--realm-pv 'a nonce'"),
    ({"disk": "/disk.img"}, "-d /disk.img"),
    ({"network": NetworkKind.USER}, "--network mode=user"),
    ({"trace": True}, "--loglevel debug"),
]

QEMU_PARTS: list[tuple[dict[str, Any], str]] = [
    ({"recs": 4}, "-smp 4"),
    ({"memory_bytes": 65 * 4096}, "-m 260K"),
    ({"initrd": "/initrd"}, "-initrd /initrd"),
    ({"command_line": "quiet"}, "-append 'console=ttyAMA0 quiet'"),
    ({"shared_bytes": 4 * MIB}, "-append 'console=ttyAMA0 swiotlb=2048'"),
    ({"sve_vl_bits": 0}, "-cpu host,sve=off"),
    ({"sve_vl_bits": 256, "breakpoints": 2}, "-cpu host,sve256=on,num-breakpoints=2"),
    ({"watchpoints": 3}, "-cpu host,num-watchpoints=3"),
    ({"pmu_counters": 0}, "-cpu host,pmu=off"),
    ({"pmu_counters": 6}, "-cpu host,num-pmu-counters=6"),
    ({"console": ConsoleKind.VIRTIO}, "-device virtconsole,chardev=console"),
    ({"disk": "/a,b"}, "-drive file=/a,,b,format=raw,if=none,id=disk"),
    ({"network": NetworkKind.USER}, "-nic user,model=virtio-net-pci"),
    ({"trace": True}, "-d guest_errors,unimp"),
]

MEASURED_PARTS: list[tuple[dict[str, Any], str]] = [
    (
        {"hash_algorithm": HashAlgorithm.SHA_256, "rpv": b"\1"},
        (
            "-object rme-guest,id=rme0,measurement-algorithm=sha256,"
            f"personalization-value=AQ{'A' * 84}=="
        ),
    ),
]

VM_PARTS: list[tuple[dict[str, Any], str]] = [
    (
        {"page_size_bytes": 2 * MIB},
        "-object memory-backend-memfd,id=ram,size=268435456,hugetlb=on,hugetlbsize=2097152",
    ),
    ({"page_size_bytes": 2 * MIB}, "-M virt,gic-version=3,acpi=off,memory-backend=ram"),
]

REALM_RUN_PARTS: list[tuple[dict[str, Any], str]] = [
    ({"recs": 4}, "--recs 4"),
    ({"memory_bytes": 5 * MIB}, "--mem 5120K"),
    ({"trace": True}, "--trace"),
    ({"hash_algorithm": HashAlgorithm.SHA_512}, "--hash sha512"),
    ({"rpv": b"\x01\xab"}, "--rpv 01ab"),
    ({"payload": "/p.elf"}, "--payload /p.elf"),
    ({"kernel": "/Image", "initrd": "/i"}, "--initrd /i"),
    ({"kernel": "/Image", "command_line": "quiet"}, "--append 'console=ttyAMA0 quiet'"),
    ({"kernel": "/Image", "shared_bytes": MIB}, "--append 'console=ttyAMA0 swiotlb=512'"),
    ({"script": "hello; off"}, "--do 'hello; off'"),
]

EXPRESSED = [
    *(("kvmtool", *row) for row in KVMTOOL_PARTS),
    *(("qemu", *row) for row in (*QEMU_PARTS, *MEASURED_PARTS)),
    *(("vm", *row) for row in (*QEMU_PARTS, *VM_PARTS)),
    *(("realm-run", *row) for row in REALM_RUN_PARTS),
]


@pytest.mark.parametrize(("name", "settings", "wanted"), EXPRESSED)
def test_option_is_expressed(name: str, settings: dict[str, Any], wanted: str) -> None:
    config = replace(LINUX, **{**SMALL.get(name, {}), **settings})
    assert f" {wanted} " in f"{line(LAUNCHERS[name], config)} "


REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("kvmtool", {"kernel": None}, "kernel=None: it needs a guest kernel"),
    ("kvmtool", {"memory_bytes": MIB + 4096}, "memory_bytes=1052672: it counts memory in MiB"),
    ("kvmtool", {"pmu_counters": 4}, "pmu_counters=4: it sets no number of counters"),
    ("kvmtool", {"breakpoints": 2}, "breakpoints=2: it takes as many as the host offers"),
    ("kvmtool", {"watchpoints": 2}, "watchpoints=2: it takes as many"),
    ("kvmtool", {"rpv": b"\xff"}, "it takes printable text only"),
    ("kvmtool", {"page_size_bytes": 2 * MIB}, "a realm's memory comes from guest_memfd"),
    (
        "kvmtool",
        {"initrd": "/i", "measured_initrd": False},
        "measured_initrd=False: it measures all that it loads",
    ),
    ("kvmtool-minimal", {"rpv": b"a"}, "the minimal interface of KVM has no choice of it"),
    ("kvmtool-minimal", {"hash_algorithm": HashAlgorithm.SHA_512}, "the minimal interface of KVM"),
    ("qemu-minimal", {"rpv": b"a"}, "the minimal interface of KVM has no choice of it"),
    ("qemu", {"page_size_bytes": 2 * MIB}, "a realm's memory comes from guest_memfd"),
    ("qemu", {"kernel": None}, "it needs a guest kernel"),
    ("vm", {"hash_algorithm": HashAlgorithm.SHA_256}, "an ordinary VM is not measured"),
    ("vm", {"rpv": b"a"}, "an ordinary VM is not measured"),
    ("vm", {"initrd": "/i", "measured_initrd": False}, "an ordinary VM is not measured"),
    ("realm-run", {"memory_bytes": 129 * MIB}, "it gives the payload 1 to 128 MiB"),
    ("kvmtool", {"script": "hello"}, "its guest is a Linux, not the realm payload"),
    ("vm", {"script": "hello"}, "its guest is a Linux, not the realm payload"),
    ("realm-run", {"initrd": "/i"}, "it goes with a guest kernel"),
    ("realm-run", {"command_line": "x"}, "it goes with a guest kernel"),
    ("realm-run", {"shared_bytes": MIB}, "it goes with a guest kernel"),
    ("realm-run", {"kernel": "/k", "payload": "/p"}, "there is a kernel already"),
    ("realm-run", {"kernel": "/k", "script": "hello"}, "its guest is a Linux, not the realm"),
    ("realm-run", {"kernel": "/k", "console": ConsoleKind.VIRTIO}, "its only device is a UART"),
    ("qemu", {"payload": "/p"}, "its guest is a Linux, not the realm payload"),
    ("realm-run", {"disk": "/d"}, "its only device is a UART"),
    ("realm-run", {"network": NetworkKind.USER}, "its only device is a UART"),
    ("realm-run", {"console": ConsoleKind.VIRTIO}, "its only device is a UART"),
]


@pytest.mark.parametrize(("name", "settings", "why"), REFUSED)
def test_option_that_a_launcher_cannot_express_is_an_error(
    name: str, settings: dict[str, Any], why: str
) -> None:
    launcher = LAUNCHERS[name]
    with pytest.raises(OptionRefused) as refused:
        launcher.command(replace(LINUX, **{**SMALL.get(name, {}), **settings}))
    assert refused.value.message.startswith(f"{launcher.name} cannot express ")
    assert why in refused.value.message
    assert "use another launcher" in refused.value.hint


def test_words_of_the_launchers_own_come_last() -> None:
    command = kvmtool(EXPLICIT).command(replace(LINUX, extra=("--rng", "--debug")))
    assert command[-2:] == ["--rng", "--debug"]


@pytest.mark.parametrize("name", LAUNCHERS)
def test_every_option_is_either_expressed_or_refused(name: str) -> None:
    assert tuple(sorted(LAUNCHERS[name].rows)) == tuple(sorted(FIELDS))


def test_option_that_the_program_of_this_host_does_not_know_is_an_error() -> None:
    old = kvmtool(EXPLICIT, options=frozenset({"--realm"}))
    with pytest.raises(OptionRefused, match="the lkvm of this host does not know --realm-pv"):
        old.command(replace(LINUX, rpv=b"a"))
    assert "--realm-pv" not in old.command(LINUX)


@pytest.mark.parametrize("series", SERIES, ids=lambda series: f"v{series.version}")
def test_command_line_of_each_series(series: Any) -> None:
    """v5 to v11 make the realm step by step; from v12 on the kernel does it at the first run."""
    explicit = series.version < 12
    assert series.uapi.explicit is explicit
    assert ("--restricted_mem" in kvmtool(series.uapi).command(LINUX)) is explicit
    assert series.capability == f"KVM_CAP_ARM_{'RME' if series.version < 11 else 'RMI'}"
    assert series.type_bit == (30 if series.version >= 14 else 8)
    assert series.rmm == ("2.0" if series.version >= 13 else "1.0")


def test_steps_of_the_explicit_interface_end_with_activation() -> None:
    assert EXPLICIT.steps[0] == "CONFIG_REALM"
    assert EXPLICIT.steps[-2:] == ("VCPU_FINALIZE", "ACTIVATE_REALM")
    assert MINIMAL.steps == ("RMI_POPULATE",)


@pytest.mark.parametrize(
    ("version", "populate", "wanted"),
    [
        ("1.0", None, EXPLICIT),
        ("1.0", True, MINIMAL),
        ("2.0", None, MINIMAL),
        ("2.0", False, EXPLICIT),
    ],
)
def test_generation_of_a_host(version: str, populate: bool | None, wanted: object) -> None:
    assert uapi_of(version, populate_ioctl=populate) is wanted


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"recs": 0}, "recs is 0, wanted at least 1"),
        ({"memory_bytes": 0}, "memory_bytes is 0, wanted whole granules"),
        ({"memory_bytes": 4097}, "memory_bytes is 4097, wanted whole granules"),
        ({"page_size_bytes": 8192}, "page_size_bytes is 8192, wanted one of"),
        ({"rpv": b"x" * 65}, "wanted up to 64 bytes"),
        ({"sve_vl_bits": 100}, "sve_vl_bits is 100, wanted 0 or a multiple of 128"),
        ({"sve_vl_bits": 4096}, "sve_vl_bits is 4096"),
        ({"pmu_counters": 32}, "pmu_counters is 32, wanted 0 to 31"),
        ({"breakpoints": 0}, "breakpoints is 0, wanted 1 to 64"),
        ({"watchpoints": 65}, "watchpoints is 65, wanted 1 to 64"),
        ({"shared_bytes": 100}, "shared_bytes is 100, wanted whole granules"),
        ({"measured_initrd": False}, "measured_initrd is False"),
    ],
)
def test_realm_that_cannot_be(settings: dict[str, Any], complaint: str) -> None:
    with pytest.raises(RealmConfigError, match=complaint):
        RealmConfig(**settings)
