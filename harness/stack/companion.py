# SPDX-License-Identifier: BSD-3-Clause
"""Which stack Linux hosts boot in a session: its own, or one beside it."""

from __future__ import annotations

from collections.abc import Sequence

from harness.errors import StackError
from harness.stack.load import load_stack
from harness.stack.overrides import split_override
from harness.stack.spec import Stack

DEFAULT_STACK = "embedded-linux"
_BASE_STACK = "embedded"


def host_stack(
    stack: Stack, name: str, overrides: Sequence[str], chosen: str | None = None
) -> Stack:
    """Return the stack of Linux hosts; raise StackError where there is none.

    ``stack`` is the session's, loaded from ``name``. It serves itself if it has a kernel;
    ``embedded-linux`` serves beside ``embedded``, with the overrides that fit; ``chosen``
    comes before both.
    """
    if chosen is None and "kernel" in stack.components:
        return stack
    if chosen is None and name != _BASE_STACK:
        raise StackError(f"stack {stack.name} has no kernel", hint="--linux-stack NAME|FILE")
    wanted = chosen or DEFAULT_STACK
    parts = {"machine", *load_stack(wanted).components}
    fitting = [text for text in overrides if split_override(text)[0] in parts]
    found = load_stack(wanted, fitting)
    if "kernel" not in found.components:
        raise StackError(
            f"--linux-stack {wanted}: stack {found.name} has no kernel",
            hint=f"{DEFAULT_STACK} has one: a stack file may extend it",
        )
    return found
