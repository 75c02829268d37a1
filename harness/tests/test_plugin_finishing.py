# SPDX-License-Identifier: BSD-3-Clause
"""Ctrl-C in the moment a session ends."""

from __future__ import annotations

import signal

import pytest

pytest_plugins = ["pytester"]

CONFTEST = """
import os, signal
pytest_plugins = ["harness.plugin.finishing"]

def pytest_sessionfinish(session):
    is_worker = hasattr(session.config, "workerinput")
    for _ in range({times} if is_worker is {in_workers} else 0):
        os.kill(os.getpid(), signal.SIGINT)
"""


def run(pytester: pytest.Pytester, *words: str, times: int, workers: bool) -> pytest.RunResult:
    pytester.makeconftest(CONFTEST.format(times=times, in_workers=workers))
    pytester.makepyfile("def test_any(): pass")
    return pytester.runpytest_subprocess("-p", "no:cacheprovider", "-p", "xdist.plugin", *words)


@pytest.fixture(autouse=True)
def nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """What else is installed takes seconds to come and go."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.delenv("PYTEST_XDIST_WORKER", raising=False)
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)


@pytest.mark.parametrize(
    ("words", "workers"),
    [(("-n0",), False), (("-n1",), False), (("-n1",), True)],
    ids=["alone", "controller", "worker"],
)
def test_session_goes_on_to_its_summary(
    pytester: pytest.Pytester, words: tuple[str, ...], *, workers: bool
) -> None:
    result = run(pytester, *words, times=1, workers=workers)
    assert result.ret == pytest.ExitCode.OK
    result.assert_outcomes(passed=1)
    assert "KeyboardInterrupt" not in str(result.outlines + result.errlines)


def test_second_time_ends_it(pytester: pytest.Pytester) -> None:
    result = run(pytester, "-n0", times=2, workers=False)
    assert result.ret in (-signal.SIGINT, pytest.ExitCode.INTERRUPTED)
    assert "KeyboardInterrupt" in str(result.errlines)
