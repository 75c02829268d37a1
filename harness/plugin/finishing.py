# SPDX-License-Identifier: BSD-3-Clause
"""Ctrl-C while a session ends: it goes on to its summary; the next one ends it at once.

Nothing is left then that could be cut short but the end itself: machines, workers, the pages
of the run, the summary. Cut off there, hours of tests end with a traceback of whoever waited.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Generator

import pytest


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> Generator[None, None, None]:
    """From here on until everything is unconfigured; also in each worker."""
    is_main = threading.current_thread() is threading.main_thread()
    if is_main and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _once)
        session.config.add_cleanup(_usual)
    return (yield)


def _once(_number: int, _frame: object) -> None:
    _usual()


def _usual() -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)
