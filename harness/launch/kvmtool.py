# SPDX-License-Identifier: BSD-3-Clause
"""``lkvm run --realm``: kvmtool's command line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from harness.launch.config import MIB, SWIOTLB_SLOT_BYTES, ConsoleKind, RealmConfig
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
)

PROGRAM = "lkvm"
CONSOLES: Mapping[ConsoleKind, str] = {ConsoleKind.SERIAL: "ttyS0", ConsoleKind.VIRTIO: "hvc0"}


def kernel_arguments(config: RealmConfig, consoles: Mapping[ConsoleKind, str]) -> str:
    """The guest kernel's command line: its console, bounce buffers, and what the test adds."""
    words = [f"console={consoles[config.console]}"]
    if config.shared_bytes is not None:
        words.append(f"swiotlb={config.shared_bytes // SWIOTLB_SLOT_BYTES}")
    return " ".join([*words, *([config.command_line] if config.command_line else [])])


def kvmtool(uapi: Uapi, options: frozenset[str] | None = None) -> Launcher:
    """kvmtool for a generation of the interface; ``options`` are those its help mentions."""

    def start(_config: RealmConfig) -> Sequence[Piece]:
        return [
            *flag("--realm"),
            *(flag("--restricted_mem") if uapi.restricted_mem else []),
            *flag("--irqchip=gicv3"),
        ]

    return Launcher(
        name="kvmtool",
        program=PROGRAM,
        subcommand=("run",),
        rows=_rows(uapi),
        start=start,
        requires="kvm-realms",
        options=options,
    )


def _rows(uapi: Uapi) -> dict[str, Row]:
    return {
        "kernel": Expression("`-k FILE`", _kernel),
        "initrd": Expression("`-i FILE`", lambda c: flag_if("-i", c.initrd)),
        "measured_initrd": Refusal("it measures all that it loads"),
        "command_line": Expression('`-p "…"`', lambda c: flag("-p", kernel_arguments(c, CONSOLES))),
        "memory_bytes": Expression("`-m MIB`", _memory),
        "recs": Expression("`-c N`", lambda c: flag("-c", c.recs)),
        "page_size_bytes": Refusal("a realm's memory comes from guest_memfd, in pages of 4 KiB"),
        "sve_vl_bits": Expression("`--disable-sve`, `--sve-vl BITS`", _sve),
        "pmu_counters": Expression("0: without `--pmu`", _pmu),
        "breakpoints": Refusal("it takes as many as the host offers"),
        "watchpoints": Refusal("it takes as many as the host offers"),
        **_measurement(uapi),
        "console": Expression(
            "`--console serial\\|virtio`", lambda c: flag("--console", c.console)
        ),
        "disk": Expression("`-d FILE`", lambda c: flag_if("-d", c.disk)),
        "network": Expression("`--network mode=none\\|user`", _network),
        "shared_bytes": Expression("`swiotlb=` in `-p`", lambda _: ()),
        "payload": NO_PAYLOAD,
        "script": NO_PAYLOAD,
        "extra": EXTRA,
        "trace": Expression(
            "`--loglevel debug`", lambda c: flag("--loglevel", "debug") if c.trace else ()
        ),
    }


def _kernel(config: RealmConfig) -> Sequence[Piece] | Refusal:
    return flag("-k", config.kernel) if config.kernel else Refusal("it needs a guest kernel")


def _memory(config: RealmConfig) -> Sequence[Piece] | Refusal:
    if config.memory_bytes % MIB:
        return Refusal("it counts memory in MiB")
    return flag("-m", config.memory_bytes // MIB)


def _sve(config: RealmConfig) -> Sequence[Piece]:
    if config.sve_vl_bits is None:
        return ()
    return flag("--sve-vl", config.sve_vl_bits) if config.sve_vl_bits else flag("--disable-sve")


def _pmu(config: RealmConfig) -> Sequence[Piece] | Refusal:
    return Refusal("it sets no number of counters") if config.pmu_counters else ()


def _network(config: RealmConfig) -> Sequence[Piece]:
    return flag("--network", f"mode={config.network}")


def _measurement(uapi: Uapi) -> dict[str, Row]:
    if not uapi.chooses_measurement:
        refusal = Refusal(f"the {uapi.name} interface of KVM has no choice of it")
        return {"hash_algorithm": refusal, "rpv": refusal}
    return {
        "hash_algorithm": Expression(
            "`--measurement-algo sha256\\|sha512`",
            lambda c: flag_if("--measurement-algo", c.hash_algorithm),
            needs="--measurement-algo",
        ),
        "rpv": Expression("`--realm-pv TEXT`", _rpv, needs="--realm-pv"),
    }


def _rpv(config: RealmConfig) -> Sequence[Piece] | Refusal:
    if not config.rpv:
        return ()
    if not (config.rpv.isascii() and config.rpv.decode("ascii").isprintable()):
        return Refusal("it takes printable text only")
    return flag("--realm-pv", config.rpv.decode("ascii"))
