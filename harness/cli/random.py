# SPDX-License-Identifier: BSD-3-Clause
"""``cca random``: random calls against a stack for as long as one likes."""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from harness.cli.main import add_stack_arguments, count, results_file, write_results

HELP = "make random RMI calls on a stack, each answer compared with the model's"
_PROGRESS_S = 5.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the subcommand's options."""
    add_stack_arguments(parser)
    parser.add_argument(
        "--steps", type=count, default=10_000, metavar="N", help="steps to compare (default 10000)"
    )
    parser.add_argument("--seed", type=int, help="first seed (default: by the clock)")
    parser.add_argument(
        "-n", dest="workers", type=count, default=1, help="machines at once (default 1)"
    )
    parser.add_argument(
        "--save",
        type=results_file,
        metavar="FILE",
        help="where a failing script goes (default: printed)",
    )


def run(args: argparse.Namespace) -> int:
    """Walk; status 1 as soon as model and stack part, with a short script that shows it."""
    seed = int(time.time()) if args.seed is None else args.seed
    return _alone(args, seed) if args.workers == 1 else _together(args, seed)


def _together(args: argparse.Namespace, seed: int) -> int:
    """One process a machine, each with its share of the steps."""
    share = -(-args.steps // args.workers)
    command = [sys.executable, "-m", "harness.cli.main", "random", f"--steps={share}"]
    command += [f"--stack={args.stack}", *(f"--set={text}" for text in args.overrides)]
    workers = []
    for number in range(args.workers):
        own = [*command, f"--seed={seed + number}"]
        if args.save is not None:
            own.append(f"--save={args.save.with_name(f'{args.save.name}.{number}')}")
        workers.append(subprocess.Popen(own))
    try:
        return max(worker.wait() for worker in workers)
    finally:
        for worker in workers:
            worker.terminate()


def _alone(args: argparse.Namespace, seed: int) -> int:
    from harness.cli.bootable import put_chosen
    from harness.cli.show import make_progress
    from harness.oracle import Machines, reduce, soak
    from harness.oracle.script import numbered

    with make_progress() as progress:
        chosen = put_chosen(args, progress)
    with (
        tempfile.TemporaryDirectory(prefix="cca-random-") as folder,
        Machines(chosen.built, Path(folder), chosen.tap) as machines,
    ):
        game, shown = machines.game, _Progress(seed)
        failure = soak(game, args.steps, seed, shown)
        if failure is None:
            print(f"seed {seed}: no disagreement in {game.steps} steps, {shown.rate:.0f} steps/s")
            return 0
        print(f"seed {seed}: model and {chosen.built.name} part after {game.steps} steps; reducing")
        failure = reduce(failure, lambda lines: game.play(numbered(list(lines))))
    if args.save is not None:
        write_results(args.save, failure.text)
    print(failure.text, end="")
    return 1


class _Progress:
    """A line every few seconds."""

    def __init__(self, seed: int) -> None:
        self.rate = 0.0
        self._seed = seed
        self._shown_s = 0.0

    def __call__(self, steps: int, time_s: float) -> None:
        self.rate = steps / time_s
        if time_s - self._shown_s >= _PROGRESS_S:
            self._shown_s = time_s
            print(f"seed {self._seed}: {steps} steps, {self.rate:.0f} steps/s", flush=True)
