# SPDX-License-Identifier: BSD-3-Clause
"""Machines for games outside of tests."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Self

from harness.errors import StackError
from harness.link import MailboxLink
from harness.machine import Machine, TapPlugin
from harness.oracle.game import Arena, Game
from harness.oracle.ground import survey
from harness.realm import GranulePool, Ledger, NormalWorld, PayloadImage
from harness.stack import BuiltStack

_MOST_PES = 2
_NEEDED = ("rmm", "host", "realm")


class Machines:
    """Boots machines of a stack below a folder, one at a time.

    Raises StackError for a stack that cannot run realms.
    """

    def __init__(self, built: BuiltStack, folder: Path, tap: TapPlugin | None) -> None:
        if lacking := [f"[{name}]" for name in _NEEDED if name not in built.images]:
            raise StackError(
                f"stack {built.name} has no realms that calls could be made for: "
                f"it has no {' and no '.join(lacking)}",
                hint="take a stack with an RMM, the monitor and the payload, such as embedded",
            )
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
