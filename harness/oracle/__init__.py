# SPDX-License-Identifier: BSD-3-Clause
"""The model against a real RMM: random calls, both asked, every answer compared.

:class:`Game` plays random walks and scripts on machines; :func:`reduce` makes a failing script
short; a script is text (:mod:`harness.oracle.script`). See docs/model.md.
"""

from harness.oracle.dice import Dice
from harness.oracle.disagree import Disagreement
from harness.oracle.game import Arena, Failure, Game, Match, Parted
from harness.oracle.ground import Ground, survey
from harness.oracle.machines import Machines
from harness.oracle.reduce import reduce
from harness.oracle.scenes import SCENES
from harness.oracle.script import ScriptError
from harness.oracle.soak import WALK_BYTES, WEIGHTED, soak
from harness.oracle.wander import Wanderer

__all__ = [
    "SCENES",
    "WALK_BYTES",
    "WEIGHTED",
    "Arena",
    "Dice",
    "Disagreement",
    "Failure",
    "Game",
    "Ground",
    "Machines",
    "Match",
    "Parted",
    "ScriptError",
    "Wanderer",
    "reduce",
    "soak",
    "survey",
]
