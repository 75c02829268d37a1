# SPDX-License-Identifier: BSD-3-Clause
"""``cca doctor``: what a stack needs, what of it is missing, and how to get it."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from harness.cli.main import add_stack_arguments
from harness.errors import HarnessError

if TYPE_CHECKING:
    from harness.stack import Cache, Stack

HELP = "check that this machine has all that a stack needs; exit status 1 if not"
MIN_FREE_BYTES = 512 << 20


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare --stack and --set."""
    add_stack_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Check one thing after the other, all of them, and count what is wrong."""
    from harness.stack import Cache, load_stack
    from harness.stack.needs import stack_needs

    stack = load_stack(args.stack, args.overrides)
    cache = Cache()
    print(f"stack {stack.name}: {stack.file}")
    # The package refuses any Python below 3.11 at its installation.
    print(f"  ok       Python {sys.version.split()[0]} ({sys.executable})")
    failures = check_needs(stack_needs(stack))
    failures += check_step(f"cache {cache.root}", lambda: check_cache(cache.root))
    failures += check_step("QEMU makes the machine", lambda: probe_qemu(stack, cache))
    if "kernel" in stack.components and not failures:
        failures += check_step("host", lambda: probe_host(stack, cache))
    print("all there" if not failures else f"{failures} missing or unfit; see the hints above")
    return 1 if failures else 0


def check_needs(names: list[str]) -> int:
    """Report every requirement; return how many are not met."""
    from harness.provision.requirements import how_to_get, is_met, requirement

    failures = 0
    for wanted in map(requirement, names):
        if is_met(wanted):
            print(f"  ok       {wanted.name}")
            continue
        failures += 1
        least = ".".join(map(str, wanted.min_version))
        print(f"  MISSING  {wanted.name}{f' (version {least} or newer)' if least else ''}")
        print(f"           hint: {how_to_get([wanted])}")
    return failures


def check_step(title: str, action: Callable[[], str]) -> int:
    """Report one check; return 1 if it failed."""
    try:
        found = action()
    except HarnessError as error:
        print(f"  FAILED   {title}: {error.message}")
        if error.hint:
            print(f"           hint: {error.hint}")
        return 1
    print(f"  ok       {title}: {found}")
    return 0


def check_cache(root: Path) -> str:
    """Make sure that the cache can be written and has room. Raises StackError."""
    from harness.provision.space import free_bytes, require_space
    from harness.stack.cache import cache_error

    probe = root / "tmp" / f"doctor-{os.getpid()}"
    try:
        probe.parent.mkdir(parents=True, exist_ok=True)
        probe.write_bytes(b"x")
        probe.unlink()
    except OSError as error:
        raise cache_error(root, error) from error
    require_space(root, MIN_FREE_BYTES, "a build")
    return f"{free_bytes(root) >> 30} GiB free"


def probe_qemu(stack: Stack, cache: Cache) -> str:
    """Start the stack's QEMU once. Raises StackError or ProvisionError."""
    from harness.stack.components import BuildContext
    from harness.stack.qemu import resolve_qemu

    return resolve_qemu(stack.components["qemu"], stack.machine, BuildContext(cache)).version


def probe_host(stack: Stack, cache: Cache) -> str:
    """Build the stack, boot its host once, say what it can do for realms. Raises HarnessError."""
    from harness.host.host import Host
    from harness.launch.ask import ask_host, describe
    from harness.stack import build_stack
    from harness.stack.probe import build_kvm_probe

    built = build_stack(stack, cache)
    with (
        tempfile.TemporaryDirectory(prefix="cca-doctor-") as folder,
        Host.boot(built, Path(folder)) as host,
    ):
        lines = describe(ask_host(host.shell, build_kvm_probe(cache)))
    return "\n           ".join(["boots", *lines])
