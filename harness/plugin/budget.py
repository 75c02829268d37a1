# SPDX-License-Identifier: BSD-3-Clause
"""``-n auto``: as many workers as CPUs and memory allow for machines of this stack."""

from __future__ import annotations

import pytest

from harness import capacity
from harness.errors import HarnessError
from harness.plugin.session import CcaSession


@pytest.hookimpl(optionalhook=True, tryfirst=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int | None:
    """Answer xdist; a stack that cannot be read is somebody else's message."""
    try:
        stack = CcaSession(config).stack  # asked before the session is made
    except HarnessError:
        return None
    try:
        return capacity.workers(capacity.Host.here(), capacity.Need.of(stack))
    except HarnessError as error:
        raise pytest.UsageError(str(error)) from None
