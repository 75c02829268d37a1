# SPDX-License-Identifier: BSD-3-Clause
"""A selection of tests that is empty says so, with workers and without."""

from __future__ import annotations

import pytest

from harness.tests.test_plugin_session import ANY, Inner, inner

__all__ = ["inner"]  # a fixture

pytest_plugins = ["pytester"]


def test_file_that_is_not_there_is_a_usage_error_before_anything_is_built(inner: Inner) -> None:
    result = inner.run(ANY, "missing.py::test_it", stack="nowhere.toml")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert result.errlines[0] == "ERROR: file or directory not found: missing.py::test_it"
    assert "nowhere" not in result.stderr.str()


@pytest.mark.parametrize("arguments", [("-k", "nothing"), ("-m", "lab")])
def test_empty_selection_is_explained(inner: Inner, arguments: tuple[str, str]) -> None:
    result = inner.run(ANY, *arguments)
    assert result.ret == pytest.ExitCode.NO_TESTS_COLLECTED
    result.stdout.fnmatch_lines(["no test was selected: look at -k, -m and the names of tests"])


def test_other_runs_are_not(inner: Inner) -> None:
    assert "no test was selected" not in inner.run(ANY).stdout.str()
    assert "no test was selected" not in inner.run(ANY, "--co", "-k", "nothing").stdout.str()
