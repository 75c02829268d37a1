# SPDX-License-Identifier: BSD-3-Clause
"""``realm-run``: the project's own launcher on ``/dev/rmi``, for hosts with a stock kernel."""

from __future__ import annotations

from collections.abc import Sequence

from harness.launch.config import MIB, ConsoleKind, RealmConfig
from harness.launch.kvmtool import kernel_arguments
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

PROGRAM = "realm-run"
_MOST_BYTES = 128 * MIB

_NEEDS_KERNEL = Refusal("it goes with a guest kernel")
_CONSOLES = {ConsoleKind.SERIAL: "ttyAMA0"}
_NO_DEVICE = Refusal("its only device is a UART")


def realm_run(options: frozenset[str] | None = None) -> Launcher:
    """realm-run with payload or Linux guest; ``options`` are those its help mentions."""

    def start(_config: RealmConfig) -> Sequence[Piece]:
        return ()

    return Launcher(
        name="realm-run",
        program=PROGRAM,
        rows=_ROWS,
        start=start,
        requires="dev-rmi",
        options=options,
    )


def _memory(config: RealmConfig) -> Sequence[Piece] | Refusal:
    if config.kernel is None and not MIB <= config.memory_bytes <= _MOST_BYTES:
        return Refusal("it gives the payload 1 to 128 MiB")
    return flag("--mem", f"{config.memory_bytes >> 10}K")


def _payload(config: RealmConfig) -> Sequence[Piece] | Refusal:
    if config.payload is None:
        return ()
    return (
        Refusal("there is a kernel already") if config.kernel else flag("--payload", config.payload)
    )


def _script(config: RealmConfig) -> Sequence[Piece] | Refusal:
    if not config.script:
        return ()
    return NO_PAYLOAD if config.kernel else flag("--do", config.script)


def _initrd(config: RealmConfig) -> Sequence[Piece] | Refusal:
    if config.initrd is None:
        return ()
    return flag("--initrd", config.initrd) if config.kernel else _NEEDS_KERNEL


def _command_line(config: RealmConfig) -> Sequence[Piece] | Refusal:
    if config.kernel is None:
        return _NEEDS_KERNEL if config.command_line else ()
    if config.console not in _CONSOLES:
        return _NO_DEVICE
    return flag("--append", kernel_arguments(config, _CONSOLES))


def _shared(config: RealmConfig) -> Sequence[Piece] | Refusal:
    return _NEEDS_KERNEL if config.shared_bytes and config.kernel is None else ()


_ROWS: dict[str, Row] = {
    "kernel": Expression("`--kernel FILE`", lambda c: flag_if("--kernel", c.kernel)),
    "payload": Expression("`--payload FILE`", _payload),
    "initrd": Expression("`--initrd FILE`", _initrd),
    "measured_initrd": Refusal("it measures all that it loads"),
    "command_line": Expression('`--append "…"`', _command_line),
    "memory_bytes": Expression("`--mem SIZE` (payload: 1 to 128 MiB)", _memory),
    "recs": Expression("`--recs N`", lambda c: flag("--recs", c.recs)),
    "page_size_bytes": Refusal("it maps granules of 4 KiB"),
    "sve_vl_bits": Refusal("it leaves SVE off"),
    "pmu_counters": Refusal("it leaves the PMU off"),
    "breakpoints": Refusal("it takes as many as the RMM offers"),
    "watchpoints": Refusal("it takes as many as the RMM offers"),
    "hash_algorithm": Expression(
        "`--hash sha256\\|sha512`",
        lambda c: flag_if("--hash", c.hash_algorithm),
    ),
    "rpv": Expression("`--rpv HEX`", lambda c: flag("--rpv", c.rpv.hex()) if c.rpv else ()),
    "console": _NO_DEVICE,
    "disk": _NO_DEVICE,
    "network": _NO_DEVICE,
    "shared_bytes": Expression("`swiotlb=` in `--append`", _shared),
    "script": Expression("`--do SCRIPT`", _script),
    "extra": EXTRA,
    "trace": Expression("`--trace`", lambda c: flag("--trace") if c.trace else ()),
}
