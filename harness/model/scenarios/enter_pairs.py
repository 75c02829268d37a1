# SPDX-License-Identifier: BSD-3-Clause
"""Pairs of conditions of RMI_REC_ENTER, and those that the conformance suite looks at."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from harness.model.calls import Call
from harness.model.scenarios.families import NewValue, arg, device, plus, secure
from harness.model.scenarios.kit import Unavailable
from harness.model.scenarios.pair import Pair
from harness.model.scenarios.recipe import Build
from harness.model.scenarios.recs import ENTER_FLAGS
from harness.model.scenarios.scene import Scene, with_args

_NAME = "RMI_REC_ENTER"
_NO_REC = "a granule that is no REC is not in a REC's state"
_SECOND_PE = 1
_NOT_RUNNABLE = 0

Enterable = Callable[[Scene], Call]


def aux_of(scene: Scene, rec: int) -> int:
    """An auxiliary granule of a REC."""
    aux = scene.state.recs[rec].aux
    if not aux:
        raise Unavailable("RECs have no auxiliary granules here")
    return aux[0]


def _new(scene: Scene) -> Call:
    _, (rec,) = scene.guest(activate=False)
    return scene.call(_NAME, rec, scene.run_page())


def _new_not_runnable(scene: Scene) -> Call:
    _, (rec,) = scene.guest(_NOT_RUNNABLE, activate=False)
    return scene.call(_NAME, rec, scene.run_page())


def _off(scene: Scene) -> Call:
    _, (rec,) = scene.guest()
    scene.run(rec, scene.smc("PSCI_SYSTEM_OFF"))
    return scene.call(_NAME, rec, scene.run_page())


def _off_not_runnable(scene: Scene) -> Call:
    _, (rec, other) = scene.guest(1, _NOT_RUNNABLE)
    scene.run(rec, scene.smc("PSCI_SYSTEM_OFF"))
    return scene.call(_NAME, other, scene.run_page())


def _not_runnable(scene: Scene) -> Call:
    _, (rec,) = scene.guest(_NOT_RUNNABLE)
    return scene.call(_NAME, rec, scene.run_page())


def _running(scene: Scene) -> Call:
    _, (rec,) = scene.guest()
    scene.enter(rec, pe=_SECOND_PE)
    return scene.call(_NAME, rec, scene.run_page())


def _enter_area(enterable: Enterable, **fields: int) -> Enterable:
    """The same call with a run page that cannot be."""

    def build(scene: Scene) -> Call:
        rec = arg(enterable(scene), "rec")
        return scene.call(_NAME, rec, scene.run_page(**fields))

    return build


def _bad_gic(enterable: Enterable) -> Enterable:
    return _enter_area(enterable, gicv3_hcr=1)


def _mmio(enterable: Enterable) -> Enterable:
    return _enter_area(enterable, flags=ENTER_FLAGS.encode(EMUL_MMIO=1))


def _active(scene: Scene) -> Call:
    _, (rec,) = scene.guest()
    return scene.call(_NAME, rec, scene.run_page())


def _with(enterable: Enterable, name: str, value: NewValue) -> Build:
    def build(scene: Scene) -> Call:
        made = enterable(scene)
        return with_args(made, **{name: value(scene, made)})

    return build


def _aux(scene: Scene, made: Call) -> int:
    return aux_of(scene, arg(made, "rec"))


def _undelegated(scene: Scene, _made: Call) -> int:
    return scene.page()


def _ordered() -> Iterator[Pair]:
    """The pairs of the tables."""
    of_no_rec: dict[str, Enterable] = {
        "rec_state": _running,
        "realm_new": _new,
        "system_off": _off,
        "rec_runnable": _not_runnable,
    }
    for second, enterable in of_no_rec.items():
        yield Pair(_NAME, "rec_gran_state", second, _with(enterable, "rec", _aux), _NO_REC)
    for second, enterable in (("rec_gicv3", _bad_gic(_active)), ("rec_mmio", _mmio(_active))):
        undefined = "" if second == "rec_gicv3" else _NO_REC
        build = _with(enterable, "rec", _undelegated)
        yield Pair(_NAME, "rec_gran_state", second, build, undefined)
    yield Pair(_NAME, "realm_new", "rec_runnable", _new_not_runnable)
    yield Pair(_NAME, "system_off", "rec_runnable", _off_not_runnable)
    yield Pair(_NAME, "realm_new", "rec_gicv3", _bad_gic(_new))
    yield Pair(_NAME, "realm_new", "rec_mmio", _mmio(_new))


def _of_arguments() -> Iterator[Pair]:
    """Arguments that are no granules at all, against what is wrong with the REC or the entry."""
    unaligned = _with(_bad_gic(_active), "rec", plus("rec", 8))
    yield Pair(_NAME, "rec_align", "rec_gicv3", unaligned)
    no_dram = _with(_bad_gic(_active), "rec", device)
    yield Pair(_NAME, "rec_bound", "rec_gicv3", no_dram)
    of_rec: dict[str, Enterable] = {
        "rec_runnable": _not_runnable,
        "realm_new": _new,
        "system_off": _off,
    }
    for second, enterable in of_rec.items():
        for variant, where in (("secure", secure), ("device", device)):
            build = _with(enterable, "run_ptr", where)
            yield Pair(_NAME, "run_bound", second, build, variant=variant)


PAIRS: tuple[Pair, ...] = (*_ordered(), *_of_arguments())
