# SPDX-License-Identifier: BSD-3-Clause
"""Stacks: what boots, from which source, and the cache of what was built."""

from harness.stack.build import build_stack, build_tap
from harness.stack.cache import Cache
from harness.stack.load import load_stack, shipped_stacks
from harness.stack.progress import Progress
from harness.stack.spec import BuiltStack, Component, MachineShape, Stack

__all__ = [
    "BuiltStack",
    "Cache",
    "Component",
    "MachineShape",
    "Progress",
    "Stack",
    "build_stack",
    "build_tap",
    "load_stack",
    "shipped_stacks",
]
