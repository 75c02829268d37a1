# SPDX-License-Identifier: BSD-3-Clause
"""``realm-run``: the project's own launcher on ``/dev/rmi``, for hosts with a stock kernel."""

from __future__ import annotations

from collections.abc import Sequence

from harness.launch.config import MIB, RealmConfig
from harness.launch.words import EXTRA, Expression, Launcher, Piece, Refusal, Row, flag

PROGRAM = "realm-run"
_MOST_BYTES = 128 * MIB

_NO_LINUX = Refusal("it runs the realm payload, not a Linux guest")
_NO_DEVICE = Refusal("its only device is a UART")


def realm_run(options: frozenset[str] | None = None) -> Launcher:
    """realm-run with the realm payload; ``options`` are those its help mentions."""

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
    if not MIB <= config.memory_bytes <= _MOST_BYTES:
        return Refusal("it gives a realm 1 to 128 MiB")
    return flag("--mem", f"{config.memory_bytes >> 10}K")


_ROWS: dict[str, Row] = {
    "kernel": Expression(
        "`--payload FILE`", lambda c: flag("--payload", c.kernel) if c.kernel else ()
    ),
    "initrd": _NO_LINUX,
    "measured_initrd": _NO_LINUX,
    "command_line": _NO_LINUX,
    "memory_bytes": Expression("`--mem SIZE` (1 to 128 MiB)", _memory),
    "recs": Expression("`--recs N`", lambda c: flag("--recs", c.recs)),
    "page_size_bytes": Refusal("it maps granules of 4 KiB"),
    "sve_vl_bits": Refusal("it leaves SVE off"),
    "pmu_counters": Refusal("it leaves the PMU off"),
    "breakpoints": Refusal("it takes as many as the RMM offers"),
    "watchpoints": Refusal("it takes as many as the RMM offers"),
    "hash_algorithm": Expression(
        "`--hash sha256\\|sha512`",
        lambda c: flag("--hash", c.hash_algorithm) if c.hash_algorithm else (),
    ),
    "rpv": Expression("`--rpv HEX`", lambda c: flag("--rpv", c.rpv.hex()) if c.rpv else ()),
    "console": _NO_DEVICE,
    "disk": _NO_DEVICE,
    "network": _NO_DEVICE,
    "shared_bytes": Refusal("its whole memory has a shared alias"),
    "script": Expression("`--do SCRIPT`", lambda c: flag("--do", c.script) if c.script else ()),
    "extra": EXTRA,
    "trace": Expression("`--trace`", lambda c: flag("--trace") if c.trace else ()),
}
