# SPDX-License-Identifier: BSD-3-Clause
"""``cca stacks``: which stacks come with the harness, and what each can do."""

from __future__ import annotations

import argparse

HELP = "list the stacks that come with the harness, or show one"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the optional stack to show."""
    parser.add_argument("stack", nargs="*", help="stack names or files to show in full")


def run(args: argparse.Namespace) -> int:
    """List or show."""
    from harness.stack import load_stack, shipped_stacks

    stacks = [load_stack(name) for name in args.stack or shipped_stacks()]
    width = max(len(stack.name) for stack in stacks)
    for stack in stacks:
        print(f"{stack.name:{width}} {stack.description}")
        if args.stack:
            print(f"  file           {stack.file}")
            for component in stack.components.values():
                print(f"  {component.name:14} {component.source.KIND}")
            print(f"  capabilities   {' '.join(sorted(stack.capabilities))}")
    return 0
