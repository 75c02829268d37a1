# SPDX-License-Identifier: BSD-3-Clause
"""The end of a session whose temporary folder another one tidies up, too."""

from __future__ import annotations

import pytest

pytest_plugins = ["pytester"]

CONFTEST = """
from pathlib import Path
pytest_plugins = ["harness.plugin.temporary"]

def pytest_sessionfinish(session):
    Path({name!r}).unlink()
"""


def end(pytester: pytest.Pytester, name: str) -> pytest.RunResult:
    """Run a session at whose end a file is removed that is gone."""
    pytester.makeconftest(CONFTEST.format(name=name))
    pytester.makepyfile("def test_any(): pass")
    return pytester.runpytest_subprocess("-p", "no:cacheprovider")


@pytest.fixture(autouse=True)
def nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """What else is installed takes seconds to come and go."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)


@pytest.mark.parametrize("link", ["pytest-current", "test_anycurrent"])
def test_link_that_another_session_removed_is_no_failure(
    pytester: pytest.Pytester, link: str
) -> None:
    result = end(pytester, link)
    assert result.ret == pytest.ExitCode.OK
    result.stdout.fnmatch_lines("*1 passed in *")


def test_any_other_file_that_is_missing_is_one(pytester: pytest.Pytester) -> None:
    result = end(pytester, "results")
    assert result.ret != pytest.ExitCode.OK
    result.stderr.fnmatch_lines("FileNotFoundError: *'results'")
