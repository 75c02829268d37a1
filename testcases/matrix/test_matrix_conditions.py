# SPDX-License-Identifier: BSD-3-Clause
"""Each failure condition of the tables alone: the answer is the model's, and nothing changes."""

from __future__ import annotations

import pytest

from harness.model.scenarios import CASES, Case
from harness.plugin.recipes import PlayRow

pytestmark = [pytest.mark.rmi, pytest.mark.requires("realms")]


@pytest.mark.parametrize("row", [pytest.param(case, id=case.id) for case in CASES])
def test_condition(play: PlayRow, row: Case) -> None:
    """The smallest state in which exactly this condition fails the call."""
    play(row)
