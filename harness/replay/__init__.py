# SPDX-License-Identifier: BSD-3-Clause
"""The model's recipes on a real machine: play them, judge each answer, undo everything.

::

    kit = make_kit(world, image, platform)
    recipe = case.recipe(kit)
    player = Player(world, kit)
    player.play(recipe.steps)
    player.finish(recipe.final)     # PlayFailed says what differs from the model
    player.undo()
"""

from harness.replay.kit import make_kit, make_platform
from harness.replay.player import Player, PlayFailed

__all__ = ["PlayFailed", "Player", "make_kit", "make_platform"]
