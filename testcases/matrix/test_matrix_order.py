# SPDX-License-Identifier: BSD-3-Clause
"""Two conditions at once: the one that the tables order first is reported, nothing changes."""

from __future__ import annotations

import pytest

from harness.model.scenarios import PAIRS, Pair
from harness.plugin.recipes import PlayRow
from harness.plugin.scenarios import as_params

pytestmark = [pytest.mark.rmi, pytest.mark.requires("realms")]


@pytest.mark.parametrize("row", as_params(PAIRS))
def test_order(play: PlayRow, row: Pair) -> None:
    """Both fail the call, or would if the second could be asked (see harness.model.scenarios)."""
    play(row)
