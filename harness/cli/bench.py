# SPDX-License-Identifier: BSD-3-Clause
"""``cca bench``: measure the harness on this machine."""

from __future__ import annotations

import argparse
import json
import os
import platform
import tempfile
from collections.abc import Callable
from pathlib import Path

from harness.bench.figure import Figure, Ratio, as_json, repeat
from harness.cli.main import add_stack_arguments, count, results_file, write_results
from harness.errors import StackError

HELP = "measure boot, calls, realm life cycle and the whole regression (medians of one run)"
_CALLS = {"mailbox": 5000, "serial": 200}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the subcommand's options."""
    add_stack_arguments(parser)
    parser.add_argument(
        "--json", type=results_file, metavar="FILE", help="write the same figures there"
    )
    parser.add_argument(
        "--samples", type=count, default=9, metavar="N", help="samples of each figure (default 9)"
    )
    parser.add_argument(
        "--hosts",
        type=int,
        default=3,
        metavar="N",
        help="cold boots of a Linux host (default 3; 0 leaves hosts out)",
    )
    parser.add_argument(
        "--regressions",
        type=int,
        default=3,
        metavar="N",
        help="whole regressions for each of -n 1 and -n 2 (default 3; 0 leaves them out)",
    )


def run(args: argparse.Namespace) -> int:
    """Measure, print, write."""
    from harness.bench import measure
    from harness.cli.bootable import put_chosen
    from harness.stack import Progress

    chosen = put_chosen(args, Progress())
    built, tap = chosen.built, chosen.tap
    results: list[Figure | Ratio] = []

    def show(result: Figure | Ratio) -> None:
        results.append(result)
        print(result.line(), flush=True)

    print(f"stack {built.name} {built.hash[:12]}, {os.cpu_count()} cores, {platform.machine()}")
    boots = repeat(args.samples, lambda: measure.first_result_s(built, tap))
    show(Figure("start of QEMU to first RMI result", "s", boots))
    for kind, calls in _CALLS.items():
        rates = measure.calls_per_s(built, tap, kind, calls, args.samples)
        show(Figure(f"RMI calls over the {kind} link", "calls/s", rates))
    for recs in (1, 8):
        ups, downs = measure.realm_life_s(built, tap, recs, args.samples)
        show(Figure(f"realm with {recs} REC(s): set up and boot", "s", tuple(ups)))
        show(Figure(f"realm with {recs} REC(s): tear down", "s", tuple(downs)))
    if args.hosts:
        _hosts(args, show)
    if args.regressions:
        _regressions(args, show)
    if args.json:
        write_results(args.json, json.dumps(as_json(results), indent=2) + "\n")
    return 0


def _hosts(args: argparse.Namespace, show: Callable[[Figure | Ratio], None]) -> None:
    from harness.bench import hosts
    from harness.cli.bootable import put
    from harness.host import SnapshotHosts
    from harness.stack import Cache, Progress, load_stack
    from harness.stack.companion import host_stack

    try:
        chosen = host_stack(load_stack(args.stack, args.overrides), args.stack, args.overrides)
    except StackError as problem:
        print(f"Linux host: left out, {problem.message}")
        return
    host = put(chosen, Progress())
    snapshots = SnapshotHosts(host.built, Cache().root / "hosts", tap=host.tap)
    with tempfile.TemporaryDirectory(prefix="cca-bench-") as folder:
        snapshots.start(Path(folder)).stop()  # leaves the state, if there is none
    cold = Figure(
        "Linux host, cold boot to SSH",
        "s",
        repeat(args.hosts, lambda: hosts.cold_s(host.built, host.tap)),
    )
    show(cold)
    restored = repeat(args.samples, lambda: hosts.restored_s(snapshots))
    fast = Figure("Linux host, snapshot to SSH", "s", restored)
    show(fast)
    show(Ratio("Linux host, cold boot divided by snapshot", cold.median / fast.median))


def _regressions(args: argparse.Namespace, show: Callable[[Figure | Ratio], None]) -> None:
    from harness.bench import measure

    arguments = ["--stack", args.stack]
    for override in args.overrides:
        arguments += ["--set", override]
    pairs = [
        (measure.regression_s(1, arguments), measure.regression_s(2, arguments))
        for _ in range(args.regressions)
    ]
    show(Figure("whole regression, -n 1", "s", tuple(one for one, _ in pairs)))
    show(Figure("whole regression, -n 2", "s", tuple(two for _, two in pairs)))
    ratios = Figure("", "", tuple(two / one for one, two in pairs))
    show(Ratio("-n 2 divided by -n 1 (median of pairs)", ratios.median))
