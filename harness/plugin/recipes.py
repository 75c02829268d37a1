# SPDX-License-Identifier: BSD-3-Clause
"""``play``: a recipe of the model on the machine, judged by the model, then taken back."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from harness.model import Call, Platform
from harness.model.scenarios import Case, Pair, Unavailable
from harness.realm import NormalWorld, PayloadImage
from harness.replay import Player, make_kit, make_platform
from harness.stack import BuiltStack

PlayRow = Callable[[Case | Pair], None]

_PLATFORM = pytest.StashKey[Platform]()


@pytest.fixture
def platform(request: pytest.FixtureRequest, ns: NormalWorld, stack: BuiltStack) -> Platform:
    """What the model has to know of this run's machines; asked once a session."""
    stash = request.session.stash
    if _PLATFORM not in stash:
        stash[_PLATFORM] = make_platform(ns, stack.capabilities)
    return stash[_PLATFORM]


@pytest.fixture
def play(
    request: pytest.FixtureRequest,
    ns: NormalWorld,
    payload_image: PayloadImage,
    platform: Platform,
) -> PlayRow:
    """Build the row's state, issue the call that has to fail, take everything back."""

    def run(row: Case | Pair) -> None:
        kit = make_kit(ns, payload_image, platform)
        try:
            recipe = row.recipe(kit)
        except Unavailable as reason:
            pytest.skip(reason.message)
        if any(isinstance(made, Call) and made.pe for made in recipe.steps):
            request.getfixturevalue("second_pe")
        player = Player(ns, kit)
        player.play(recipe.steps)
        player.finish(recipe.final)
        player.undo()

    return run
