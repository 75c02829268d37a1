# SPDX-License-Identifier: BSD-3-Clause
"""Steps that clean up: where something has failed before them, that is what is told.

What cannot be cleaned up after a failure is found by who looks for what a test left.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from harness.errors import HarnessError

Step = Callable[[], object]


@contextmanager
def on_failure(step: Step, *kinds: type[BaseException]) -> Iterator[None]:
    """Run ``step`` if the block raises (one of ``kinds``); what it raised goes on."""
    try:
        yield
    except BaseException as problem:
        if not kinds or isinstance(problem, kinds):
            with suppress(HarnessError):
                step()
        raise


@contextmanager
def afterwards(step: Step) -> Iterator[None]:
    """Run ``step`` at the end of the block, however it ends."""
    with on_failure(step):
        yield
    step()
