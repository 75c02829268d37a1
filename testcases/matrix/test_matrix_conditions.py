# SPDX-License-Identifier: BSD-3-Clause
"""Each failure condition of the tables alone: the answer is the model's, and nothing changes."""

from __future__ import annotations

import pytest

from harness.model.scenarios import CASES, Case
from harness.plugin.recipes import PlayRow
from harness.plugin.scenarios import as_params

pytestmark = [pytest.mark.rmi, pytest.mark.requires("realms")]


@pytest.mark.parametrize("row", as_params(CASES))
def test_condition(play: PlayRow, row: Case) -> None:
    """The smallest state in which exactly this condition fails the call."""
    play(row)
