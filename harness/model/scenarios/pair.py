# SPDX-License-Identifier: BSD-3-Clause
"""A pair of conditions of which the tables say that the first must be reported."""

from __future__ import annotations

from dataclasses import dataclass

from harness.model.scenarios.kit import Kit
from harness.model.scenarios.recipe import Build, Case, Recipe


@dataclass(frozen=True, slots=True)
class Pair:
    """How to build a state in which ``first`` and ``second`` would both fail a call.

    ``undefined`` says why ``second`` cannot be asked when ``first`` fails. The state is then
    the nearest that there is: an RMM that asked for ``second`` first would find it failing.
    """

    command: str
    first: str
    second: str
    build: Build
    undefined: str = ""
    variant: str = ""

    @property
    def id(self) -> str:
        """Readable id for a parametrised test."""
        return "-".join(filter(None, (self.command, self.first, *self._rest)))

    @property
    def condition(self) -> str:
        """The condition that must be reported."""
        return self.first

    @property
    def _rest(self) -> tuple[str, str, str]:
        return ("before", self.second, self.variant)

    def recipe(self, kit: Kit) -> Recipe:
        """Build the recipe for a machine; Unavailable when it cannot fail there in this way."""
        return Case(
            self.command, self.first, self.build, "-".join(filter(None, self._rest))
        ).recipe(kit)
