# SPDX-License-Identifier: BSD-3-Clause
"""The model against a real RMM: random calls, both asked, every answer compared.

:class:`Game` plays random walks and scripts on machines; :func:`reduce` makes a failing script
short; a script is text (:mod:`harness.oracle.script`). See docs/model.md.
"""

from harness.oracle.disagree import Disagreement
from harness.oracle.game import Arena, Failure, Game
from harness.oracle.ground import Ground, survey
from harness.oracle.machines import Machines
from harness.oracle.reduce import reduce
from harness.oracle.scenes import SCENES
from harness.oracle.script import ScriptError
from harness.oracle.soak import WALK_BYTES, WEIGHTED, soak

__all__ = [
    "SCENES",
    "WALK_BYTES",
    "WEIGHTED",
    "Arena",
    "Disagreement",
    "Failure",
    "Game",
    "Ground",
    "Machines",
    "ScriptError",
    "reduce",
    "soak",
    "survey",
]
