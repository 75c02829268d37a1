# SPDX-License-Identifier: BSD-3-Clause
"""QEMU in the host: a realm through its realm guest object, or an ordinary VM as the control."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence

from harness.launch.config import MIB, RPV_MAX_BYTES, ConsoleKind, NetworkKind, RealmConfig
from harness.launch.kvmtool import kernel_arguments
from harness.launch.uapi import Uapi
from harness.launch.words import (
    EXTRA,
    NO_PAYLOAD,
    Expression,
    Launcher,
    Piece,
    Refusal,
    Row,
    flag,
    flag_if,
    joined,
)
from harness.types import GRANULE_BYTES

PROGRAM = "qemu-system-aarch64"
OBJECT = "rme-guest"
CONSOLES: Mapping[ConsoleKind, str] = {ConsoleKind.SERIAL: "ttyAMA0", ConsoleKind.VIRTIO: "hvc0"}

_NOT_A_REALM = Refusal("an ordinary VM is not measured")


def qemu(uapi: Uapi, options: frozenset[str] | None = None) -> Launcher:
    """QEMU with a realm guest object; ``options`` are those its help mentions."""

    def start(_config: RealmConfig) -> Sequence[Piece]:
        return [
            *joined("-M", "virt,gic-version=3,acpi=off,confidential-guest-support=rme0"),
            *joined("-object", f"{OBJECT},id=rme0"),
            *_common(),
        ]

    return Launcher(
        name="qemu",
        program=PROGRAM,
        rows={**_rows(), **_measurement(uapi), "page_size_bytes": _GUEST_MEMFD},
        start=start,
        requires="kvm-realms",
        options=options,
    )


def vm(options: frozenset[str] | None = None) -> Launcher:
    """The control: an ordinary VM under KVM, the same guest without a realm."""

    def start(_config: RealmConfig) -> Sequence[Piece]:
        return [*joined("-M", "virt,gic-version=3,acpi=off"), *_common()]

    unmeasured = {"hash_algorithm": _NOT_A_REALM, "rpv": _NOT_A_REALM}
    return Launcher(
        name="vm",
        program=PROGRAM,
        rows={**_rows(), **unmeasured, "measured_initrd": _NOT_A_REALM},
        start=start,
        requires="kvm",
        is_realm=False,
        options=options,
    )


def _common() -> Sequence[Piece]:
    plain = ("-nodefaults", "-no-reboot")
    valued = (("-accel", "kvm"), ("-display", "none"), ("-monitor", "none"))
    return [
        *joined("-cpu", "host"),
        *(Piece(name) for name in plain),
        *(Piece(name, value) for name, value in valued),
    ]


_GUEST_MEMFD = Refusal("a realm's memory comes from guest_memfd, in pages of 4 KiB")


def _rows() -> dict[str, Row]:
    return {
        "kernel": Expression("`-kernel FILE`", _kernel),
        "initrd": Expression("`-initrd FILE`", lambda c: flag_if("-initrd", c.initrd)),
        "measured_initrd": Refusal("it measures all that it loads"),
        "command_line": Expression(
            '`-append "…"`', lambda c: flag("-append", kernel_arguments(c, CONSOLES))
        ),
        "memory_bytes": Expression("`-m SIZE`", _memory),
        "recs": Expression("`-smp N`", lambda c: flag("-smp", c.recs)),
        "page_size_bytes": Expression(
            "VM: `-object memory-backend-memfd,hugetlb=on,…`", _huge_pages
        ),
        "sve_vl_bits": Expression("`-cpu host,sve=off`, `…,sveN=on`", _sve),
        "pmu_counters": Expression("`-cpu host,pmu=off`, `…,num-pmu-counters=N`", _pmu),
        "breakpoints": Expression(
            "`-cpu host,num-breakpoints=N`", lambda c: _cpu("num-breakpoints", c.breakpoints)
        ),
        "watchpoints": Expression(
            "`-cpu host,num-watchpoints=N`", lambda c: _cpu("num-watchpoints", c.watchpoints)
        ),
        "console": Expression("`-serial stdio`, `-device virtconsole,…`", _console),
        "disk": Expression("`-drive …`, `-device virtio-blk-pci,…`", _disk),
        "network": Expression("`-nic none`, `-nic user,model=virtio-net-pci`", _network),
        "shared_bytes": Expression("`swiotlb=` in `-append`", lambda _: ()),
        "payload": NO_PAYLOAD,
        "script": NO_PAYLOAD,
        "extra": EXTRA,
        "trace": Expression(
            "`-d guest_errors,unimp`", lambda c: flag("-d", "guest_errors,unimp") if c.trace else ()
        ),
    }


def _measurement(uapi: Uapi) -> dict[str, Row]:
    if not uapi.chooses_measurement:
        refusal = Refusal(f"the {uapi.name} interface of KVM has no choice of it")
        return {"hash_algorithm": refusal, "rpv": refusal}
    return {
        "hash_algorithm": Expression(
            f"`-object {OBJECT},measurement-algorithm=…`",
            lambda c: (
                joined("-object", f"measurement-algorithm={c.hash_algorithm}")
                if c.hash_algorithm
                else ()
            ),
            needs="measurement-algorithm",
        ),
        "rpv": Expression(
            f"`-object {OBJECT},personalization-value=BASE64`", _rpv, needs="personalization-value"
        ),
    }


def _kernel(config: RealmConfig) -> Sequence[Piece] | Refusal:
    return flag("-kernel", config.kernel) if config.kernel else Refusal("it needs a guest kernel")


def _memory(config: RealmConfig) -> Sequence[Piece]:
    size = config.memory_bytes
    return flag("-m", f"{size // MIB}M" if size % MIB == 0 else f"{size // 1024}K")


def _huge_pages(config: RealmConfig) -> Sequence[Piece]:
    if config.page_size_bytes == GRANULE_BYTES:
        return ()
    backend = f"memory-backend-memfd,id=ram,size={config.memory_bytes},hugetlb=on"
    return [
        Piece("-object", f"{backend},hugetlbsize={config.page_size_bytes}"),
        *joined("-M", "memory-backend=ram"),
    ]


def _sve(config: RealmConfig) -> Sequence[Piece]:
    if config.sve_vl_bits is None:
        return ()
    length = f"sve{config.sve_vl_bits}=on"
    return joined("-cpu", length if config.sve_vl_bits else "sve=off")


def _pmu(config: RealmConfig) -> Sequence[Piece]:
    if config.pmu_counters == 0:
        return joined("-cpu", "pmu=off")
    return _cpu("num-pmu-counters", config.pmu_counters)


def _cpu(name: str, value: int | None) -> Sequence[Piece]:
    return () if value is None else joined("-cpu", f"{name}={value}")


def _console(config: RealmConfig) -> Sequence[Piece]:
    if config.console is ConsoleKind.SERIAL:
        return flag("-serial", "stdio")
    return [
        *flag("-chardev", "stdio,id=console"),
        *flag("-device", "virtio-serial-pci"),
        *flag("-device", "virtconsole,chardev=console"),
    ]


def _disk(config: RealmConfig) -> Sequence[Piece]:
    if config.disk is None:
        return ()
    file = config.disk.replace(",", ",,")
    return [
        *flag("-drive", f"file={file},format=raw,if=none,id=disk"),
        *flag("-device", "virtio-blk-pci,drive=disk"),
    ]


def _network(config: RealmConfig) -> Sequence[Piece]:
    if config.network is NetworkKind.NONE:
        return flag("-nic", "none")
    return flag("-nic", "user,model=virtio-net-pci")


def _rpv(config: RealmConfig) -> Sequence[Piece]:
    if not config.rpv:
        return ()
    padded = config.rpv.ljust(RPV_MAX_BYTES, b"\0")
    return joined("-object", f"personalization-value={base64.b64encode(padded).decode()}")
