# SPDX-License-Identifier: BSD-3-Clause
"""A recipe for every failure condition of the tables, for the model and for real monitors.

::

    for case in CASES:
        recipe = case.recipe(kit)     # Unavailable: not on this machine, and why
        ...issue recipe.steps, then recipe.final: it fails with recipe.condition alone
"""

from harness.model.scenarios import families, memory, realms, recs, rsi
from harness.model.scenarios.good import GOOD
from harness.model.scenarios.kit import Kit, Unavailable
from harness.model.scenarios.pair import Pair
from harness.model.scenarios.pairs import PAIRS
from harness.model.scenarios.recipe import Case, Recipe, failing
from harness.model.scenarios.scene import Do, Scene, Step, with_args
from harness.model.scenarios.wander import Pick, Wanderer

CASES: tuple[Case, ...] = (*families.CASES, *realms.CASES, *recs.CASES, *memory.CASES, *rsi.CASES)

__all__ = [
    "CASES",
    "GOOD",
    "PAIRS",
    "Case",
    "Do",
    "Kit",
    "Pair",
    "Pick",
    "Recipe",
    "Scene",
    "Step",
    "Unavailable",
    "Wanderer",
    "failing",
    "with_args",
]
