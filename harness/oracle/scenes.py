# SPDX-License-Identifier: BSD-3-Clause
"""Where random scripts start: states built by calls that all have to succeed.

A scene is built in the model once a machine and issued call by call for every script.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from harness.errors import HarnessError
from harness.model import Call, State, Verdict, step
from harness.model.scenarios import Scene
from harness.oracle.duel import Duel
from harness.oracle.ground import HEAP, Ground
from harness.types import GRANULE_BYTES

_SPARE = 12


@dataclass(frozen=True, slots=True)
class Built:
    """A scene for one ground: its calls with their verdicts and states; realms with programs."""

    calls: tuple[tuple[Call, Verdict, State], ...]
    homes: tuple[int, ...]


def _nothing(_scene: Scene) -> list[int]:
    return []


def _delegated(scene: Scene) -> list[int]:
    _spare(scene)
    return []


def _realm(scene: Scene) -> list[int]:
    """A NEW realm without a program, and granules."""
    rd = scene.realm(s2sz=39, rtt_num_start=1, rtt_level_start=1)
    scene.tables(rd, HEAP)
    _spare(scene)
    return []


def _new(scene: Scene) -> list[int]:
    """A NEW realm with the program and one REC."""
    rd, _ = scene.guest(1, activate=False)
    scene.tables(rd, HEAP)
    _spare(scene)
    return [rd]


def _guest(scene: Scene) -> list[int]:
    """An ACTIVE realm with two RECs, memory of all kinds, and granules."""
    rd = _with_memory(scene, 1, 1)
    scene.do("RMI_REALM_ACTIVATE", rd)
    _spare(scene)
    return [rd]


def _recs(scene: Scene) -> list[int]:
    """An ACTIVE realm with three RECs of which one is on, and a NEW realm."""
    rd = _with_memory(scene, 1, 0, 0)
    scene.do("RMI_REALM_ACTIVATE", rd)
    scene.realm()
    _spare(scene)
    return [rd]


def _two(scene: Scene) -> list[int]:
    """Two ACTIVE realms."""
    homes = [_with_memory(scene, 1, 1), _with_memory(scene, 1)]
    for rd in homes:
        scene.do("RMI_REALM_ACTIVATE", rd)
    _spare(scene)
    return homes


def _with_memory(scene: Scene, *recs: int) -> int:
    rd, _ = scene.guest(*recs, activate=False)
    scene.ram(rd, HEAP, HEAP + 4 * GRANULE_BYTES)
    scene.data(rd, HEAP)
    scene.data(rd, HEAP + GRANULE_BYTES)
    scene.tables(rd, scene.of(rd).protected_top)
    return rd


def _spare(scene: Scene) -> None:
    for _ in range(_SPARE):
        scene.delegated()


SCENES: Mapping[str, Callable[[Scene], list[int]]] = {
    "nothing": _nothing,
    "delegated": _delegated,
    "realm": _realm,
    "new": _new,
    "guest": _guest,
    "recs": _recs,
    "two": _two,
}
"""By name, the simplest first; each returns the RDs of realms that run the program."""


class Scenes:
    """The scenes of one ground, each built when it is first wanted."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._built: dict[str, Built] = {}

    def enact(self, name: str, duel: Duel) -> None:
        """Bring model and machine to the scene; Disagreement if the machine does not follow."""
        built = self._built.get(name) or self._build(name)
        for made, verdict, after in built.calls:
            duel.replay(made, verdict, after)
        duel.residents.homes.update(built.homes)
        for rec in duel.state.recs.values():
            duel.residents.settle(rec)

    def _build(self, name: str) -> Built:
        if name not in SCENES:
            raise HarnessError(f"there is no scene {name!r}", hint=f"there are {', '.join(SCENES)}")
        scene = Scene(self._ground.kit)
        homes = SCENES[name](scene)
        calls, state = [], State(self._ground.platform)
        for made in scene.steps:
            assert isinstance(made, Call)
            verdict, state = step(state, made)
            calls.append((made, verdict, state))
        self._built[name] = Built(tuple(calls), tuple(homes))
        return self._built[name]
