# SPDX-License-Identifier: BSD-3-Clause
"""Playing scripts and random walks on machines that are used again while nothing differs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from harness.errors import HarnessError
from harness.oracle import script
from harness.oracle.clean import tear_down
from harness.oracle.dice import Dice, NoMoreDice
from harness.oracle.disagree import Disagreement
from harness.oracle.duel import Duel
from harness.oracle.ground import Ground, UnknownName
from harness.oracle.scenes import SCENES, Scenes
from harness.oracle.steps import Step
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


class Parted(HarnessError):
    """Model and machine differ; the message is the script that shows it."""

    verdict = "assertion"

    def __init__(self, failure: Failure) -> None:
        super().__init__(
            f"model and machine part:\n{failure.text}", hint="cca replay plays such a script"
        )
        self.failure = failure


class Game:
    """``boot`` gives a machine that is clean, ``retire`` ends it after a disagreement."""

    def __init__(self, boot: Callable[[], Arena], retire: Callable[[], None]) -> None:
        self._boot = boot
        self._retire = retire
        self._arena: Arena | None = None
        self.failure: Failure | None = None
        """The last one."""
        self.steps = 0
        self.impossible = 0
        self.answers: Counter[str] = Counter()

    def begin(self, scene: str) -> Match:
        """Bring the machine to a scene; end the match before the next one begins."""
        self._arena = self._arena or self._boot()
        return Match(self, self._arena, scene)

    def walk(self, scene: str, data: bytes) -> Failure | None:
        """A random walk from a scene, with choices from ``data``, then tear-down."""

        def steps(match: Match) -> None:
            wanderer = Wanderer(match.duel.ground, Dice(data))
            try:
                while True:
                    match.play(wanderer.step(match.duel))
            except NoMoreDice:
                pass

        return self._run(scene, steps)

    def play(self, text: str) -> Failure | None:
        """Play a script, then tear down; ScriptError, with the line's number, if it is none."""
        (place, first), *lines = script.lines_of(text).items() or [(1, "")]
        word, _, scene = first.partition(" ")
        if word != "scene":
            raise script.ScriptError(
                f"line {place}: a script begins with its scene, not with {first!r}",
                hint="e.g. `scene nothing`",
            )

        if scene not in SCENES:
            raise script.ScriptError(
                f"line {place}: there is no scene {scene!r}",
                hint=f"there are {', '.join(SCENES)}",
            )

        def steps(match: Match) -> None:
            for place, line in lines:
                match.play(_read(place, line, match.duel.ground))

        return self._run(scene, steps)

    def lose(self, failure: Failure) -> None:
        """The machine is of no use any more: the next match gets another one."""
        self.failure = failure
        self._arena = None
        self._retire()

    def _run(self, scene: str, steps: Callable[[Match], None]) -> Failure | None:
        try:
            match = self.begin(scene)
            steps(match)
            match.end()
        except Parted as parted:
            return parted.failure
        return None


def _read(place: int, line: str, ground: Ground) -> Step:
    """The step of a line of a script. Raises ScriptError with the line's number."""
    try:
        return script.read(line, ground)
    except (script.ScriptError, UnknownName) as problem:
        raise script.ScriptError(f"line {place}: {problem.message}", hint=problem.hint) from None


class Match:
    """A script in the making. Parted as soon as model and machine differ, never again after."""

    def __init__(self, game: Game, arena: Arena, scene: str) -> None:
        self.duel = Duel(arena.world, arena.ground, arena.pes)
        self.over = False
        self._game = game
        self._scene = scene
        with self._judged():
            arena.scenes.enact(scene, self.duel)

    def play(self, made: Step) -> str | None:
        """Do a step and compare; None if it is impossible (see Duel.play)."""
        with self._judged():
            came = self.duel.play(made)
        self._game.impossible += came is None
        return came

    def end(self) -> None:
        """Take everything apart again; nothing more can be played."""
        played = len(self.duel.played)
        with self._judged(played):
            tear_down(self.duel)
        self._count(played)

    @contextmanager
    def _judged(self, played: int | None = None) -> Iterator[None]:
        """Make a failure of a disagreement; in the tear-down after ``played`` steps, if given."""
        try:
            yield
        except Disagreement as why:
            count = len(self.duel.played) if played is None else played
            self._count(count)
            ground = self.duel.ground
            shown = [script.show(made, ground) for made in self.duel.played[:count]]
            lines = (script.scene_line(self._scene), *shown)
            failure = Failure(lines, count + (played is not None), why)
            self._game.lose(failure)
            raise Parted(failure) from why

    def _count(self, played: int) -> None:
        self.over = True
        self._game.steps += played
        self._game.answers += self.duel.answers
