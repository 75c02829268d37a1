# SPDX-License-Identifier: BSD-3-Clause
"""``cca build``: put every file of a stack in place and say where they are."""

from __future__ import annotations

import argparse
import json
import time
from typing import TYPE_CHECKING

from harness.cli.main import add_stack_arguments

if TYPE_CHECKING:
    from harness.stack import BuiltStack

HELP = "build a stack (from the cache where nothing changed) and list its files"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare --stack, --set and --json."""
    add_stack_arguments(parser)
    parser.add_argument("--json", action="store_true", help="print the files as JSON")


def run(args: argparse.Namespace) -> int:
    """Build and report."""
    from harness.cli.show import make_progress
    from harness.stack import build_stack, load_stack

    start = time.monotonic()
    stack = load_stack(args.stack, args.overrides)
    with make_progress() as progress:
        built = build_stack(stack, progress=progress)
    if args.json:
        print(json.dumps(as_json(built), indent=1))
        return 0
    print(f"stack {built.name} {built.hash[:12]}, {time.monotonic() - start:.2f} s")
    for name, version in built.versions.items():
        print(f"  {name:8} {version}")
    print(f"  qemu     {built.qemu}\n  flash    {built.flash}")
    for kind, files in (("image", built.images), ("elf", built.elfs)):
        for name, path in files.items():
            print(f"  {kind:8} {name:6} {path}")
    return 0


def as_json(built: BuiltStack) -> dict[str, object]:
    """Return the built stack as plain values for other programs."""
    return {
        "name": built.name,
        "hash": built.hash,
        "qemu": str(built.qemu),
        "flash": str(built.flash),
        "images": {name: str(path) for name, path in built.images.items()},
        "elfs": {name: str(path) for name, path in built.elfs.items()},
        "versions": dict(built.versions),
        "capabilities": sorted(built.capabilities),
    }
