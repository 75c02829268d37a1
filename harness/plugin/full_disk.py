# SPDX-License-Identifier: BSD-3-Clause
"""Results that cannot be written end the session: one error says so, no test piles on it."""

from __future__ import annotations

import errno
import os
from collections.abc import Generator

import pytest

_CODES = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)
_TEXTS = tuple(os.strerror(code) for code in _CODES)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Run nothing more once a place for results is full, or cannot be written any more."""
    report = yield
    if report.failed and call.excinfo is not None:
        why = reason(call.excinfo.value)
        if why:
            item.session.shouldfail = f"results cannot be written ({why}), the rest was not run"
    return report


def reason(error: BaseException | None) -> str:
    """The words of the system for a full or read-only disk, or "" if it is something else."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        if isinstance(error, BaseExceptionGroup):
            return next((why for one in error.exceptions if (why := reason(one))), "")
        if isinstance(error, OSError) and error.errno in _CODES:
            return os.strerror(error.errno)
        if getattr(error, "verdict", "") == "lab":
            for text in _TEXTS:
                if text in str(error):
                    return text
        error = error.__cause__ or error.__context__
    return ""
