# SPDX-License-Identifier: BSD-3-Clause
"""Machines for games outside of tests."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Self

from harness.link import MailboxLink
from harness.machine import Machine, TapPlugin
from harness.oracle.game import Arena, Game
from harness.oracle.ground import survey
from harness.realm import GranulePool, Ledger, NormalWorld, PayloadImage
from harness.stack import BuiltStack

_MOST_PES = 2


class Machines:
    """Boots machines of a stack below a folder, one at a time."""

    def __init__(self, built: BuiltStack, folder: Path, tap: TapPlugin | None) -> None:
        self._built = built
        self._folder = folder
        self._tap = tap
        self._image = PayloadImage.load(built.images["realm"], built.elfs["realm"])
        self._machine: Machine | None = None
        self._boots = 0
        self.game = Game(self.boot, self.retire)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop what runs."""
        self.retire()

    def boot(self) -> Arena:
        """A booted machine whose first PEs serve calls."""
        self._boots += 1
        name = f"boot-{self._boots}"
        self._machine = Machine.launch(self._built, self._folder, name=name, tap=self._tap)
        link = MailboxLink(self._machine, self._built.elfs["host"])
        link.hello()
        pes = min(self._built.machine.cpus, _MOST_PES)
        for pe in range(1, pes):
            link.cpu_on(pe)
        world = NormalWorld(link, GranulePool(), Ledger())
        return Arena(world, survey(world, self._image, self._built.capabilities), pes)

    def retire(self) -> None:
        """Stop the machine, if one runs."""
        if self._machine is not None:
            machine, self._machine = self._machine, None
            machine.stop(soft_s=0)
