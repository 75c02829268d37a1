# SPDX-License-Identifier: BSD-3-Clause
"""What a command boots: the stack of its arguments, and what its machines wait with."""

from __future__ import annotations

import argparse
from dataclasses import dataclass

from harness.errors import ProvisionError
from harness.machine import TapPlugin
from harness.stack import BuiltStack, Progress, Stack, build_stack, load_stack
from harness.stack.load import require_memory
from harness.stack.tap_plugin import find_plugin


@dataclass(frozen=True, slots=True)
class Bootable:
    """A stack in place; ``tap`` records nothing and is None where the plugin cannot be had."""

    built: BuiltStack
    tap: TapPlugin | None


def put_chosen(args: argparse.Namespace, progress: Progress) -> Bootable:
    """Put the stack of ``add_stack_arguments`` in place.

    Raises StackError, BuildError or ProvisionError.
    """
    stack = load_stack(args.stack, args.overrides)
    require_memory(stack, args.overrides)
    return put(stack, progress)


def put(stack: Stack, progress: Progress) -> Bootable:
    """Put a stack in place, with the plugin by which a waiting guest gives its core away.

    Tests have it too. Raises BuildError or ProvisionError.
    """
    built = build_stack(stack, progress=progress)
    try:
        found = find_plugin(stack, built, progress)
    except ProvisionError:
        return Bootable(built, None)
    tap = None if isinstance(found, str) else TapPlugin(found, built.hash, record=False)
    return Bootable(built, tap)
