# SPDX-License-Identifier: BSD-3-Clause
"""Playing scripts and random walks on machines that are used again while nothing differs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from harness.oracle import script
from harness.oracle.clean import tear_down
from harness.oracle.dice import Dice, NoMoreDice
from harness.oracle.disagree import Disagreement
from harness.oracle.duel import Duel
from harness.oracle.ground import Ground
from harness.oracle.scenes import Scenes
from harness.oracle.wander import Wanderer
from harness.realm import NormalWorld


@dataclass(slots=True)
class Arena:
    """A booted machine with memory set aside; ``pes`` of its PEs serve calls."""

    world: NormalWorld
    ground: Ground
    pes: int
    scenes: Scenes = field(init=False)

    def __post_init__(self) -> None:
        self.scenes = Scenes(self.ground)


@dataclass(frozen=True, slots=True)
class Failure:
    """A script whose last step made model and machine part (``number``, from 1).

    Number 0 is the scene; one more than there are steps is the tear-down afterwards.
    """

    lines: tuple[str, ...]
    number: int
    why: Disagreement

    @property
    def text(self) -> str:
        """The script, with what was wanted and seen as comments."""
        told = f"step {self.number}: {self.why}".splitlines()
        if self.number == len(self.lines):
            told[0] += " (taking everything apart after the last step)"
        return script.numbered(list(self.lines)) + "".join(f"# {line}\n" for line in told)


class Game:
    """``boot`` gives a machine that is clean, ``retire`` ends it after a disagreement."""

    def __init__(self, boot: Callable[[], Arena], retire: Callable[[], None]) -> None:
        self._boot = boot
        self._retire = retire
        self._arena: Arena | None = None
        self.steps = 0
        self.impossible = 0
        self.answers: Counter[str] = Counter()

    def walk(self, scene: str, data: bytes) -> Failure | None:
        """A random walk from a scene, with choices from ``data``, then tear-down."""

        def steps(duel: Duel) -> None:
            wanderer = Wanderer(duel.ground, Dice(data))
            try:
                while True:
                    if duel.play(wanderer.step(duel)) is None:
                        self.impossible += 1
            except NoMoreDice:
                pass

        return self._run(scene, steps)

    def play(self, text: str) -> Failure | None:
        """Play a script, then tear down; ScriptError if it is none."""
        first, *lines = script.lines_of(text) or [""]
        word, _, scene = first.partition(" ")
        if word != "scene":
            raise script.ScriptError(
                f"a script begins with its scene, not with {first!r}", hint="e.g. `scene nothing`"
            )

        def steps(duel: Duel) -> None:
            for line in lines:
                duel.play(script.read(line, duel.ground))

        return self._run(scene, steps)

    def _run(self, scene: str, steps: Callable[[Duel], None]) -> Failure | None:
        arena = self._arena = self._arena or self._boot()
        duel = Duel(arena.world, arena.ground, arena.pes)
        whole = False
        count = 0
        try:
            arena.scenes.enact(scene, duel)
            steps(duel)
            whole, count = True, len(duel.played)
            tear_down(duel)
        except Disagreement as why:
            count = count if whole else len(duel.played)
            self._arena = None
            self._retire()
            shown = [script.show(made, arena.ground) for made in duel.played[:count]]
            return Failure((script.scene_line(scene), *shown), count + whole, why)
        finally:
            self.steps += count if whole else len(duel.played)
            self.answers += duel.answers
        return None
