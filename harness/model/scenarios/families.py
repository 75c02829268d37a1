# SPDX-License-Identifier: BSD-3-Clause
"""Cases that follow from a command's kinds of arguments: granules, pages, levels, IPAs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from harness.model.calls import Call
from harness.model.rtt import entry_bytes
from harness.model.scenarios.good import GOOD
from harness.model.scenarios.kit import needed
from harness.model.scenarios.recipe import Build, Case
from harness.model.scenarios.scene import Scene, with_args
from harness.model.state import GranuleState, Realm
from harness.types import GRANULE_BYTES

NewValue = Callable[[Scene, Call], int]

_G = GranuleState
_RD = ("rd", "rd", _G.RD, "state")
_REC = ("rec", "rec", _G.REC, "gran_state")

_GRANULES: Mapping[str, tuple[tuple[str, str, GranuleState, str], ...]] = {
    "RMI_GRANULE_DELEGATE": (("gran", "addr", _G.UNDELEGATED, "state"),),
    "RMI_GRANULE_UNDELEGATE": (("gran", "addr", _G.DELEGATED, "state"),),
    "RMI_DATA_CREATE": (
        _RD,
        ("data", "data", _G.DELEGATED, "state"),
        ("src", "src", _G.UNDELEGATED, "pas"),
    ),
    "RMI_DATA_CREATE_UNKNOWN": (_RD, ("data", "data", _G.DELEGATED, "state")),
    "RMI_DATA_DESTROY": (_RD,),
    "RMI_REALM_ACTIVATE": (_RD,),
    "RMI_REALM_DESTROY": (_RD,),
    "RMI_REALM_CREATE": (
        ("rd", "rd", _G.DELEGATED, "state"),
        ("params", "params_ptr", _G.UNDELEGATED, "pas"),
    ),
    "RMI_REC_AUX_COUNT": (_RD,),
    "RMI_REC_CREATE": (
        _RD,
        ("rec", "rec", _G.DELEGATED, "state"),
        ("params", "params_ptr", _G.UNDELEGATED, "pas"),
    ),
    "RMI_REC_DESTROY": (_REC,),
    "RMI_REC_ENTER": (_REC, ("run", "run_ptr", _G.UNDELEGATED, "pas")),
    "RMI_PSCI_COMPLETE": (
        ("calling", "calling_rec", _G.REC, "state"),
        ("target", "target_rec", _G.REC, "state"),
    ),
    "RMI_RTT_CREATE": (_RD, ("rtt", "rtt", _G.DELEGATED, "state")),
    "RMI_RTT_DESTROY": (_RD,),
    "RMI_RTT_FOLD": (_RD,),
    "RMI_RTT_READ_ENTRY": (_RD,),
    "RMI_RTT_MAP_UNPROTECTED": (_RD,),
    "RMI_RTT_UNMAP_UNPROTECTED": (_RD,),
    "RMI_RTT_INIT_RIPAS": (_RD,),
    "RMI_RTT_SET_RIPAS": (_RD, _REC),
}
"""Granule arguments: prefix of the conditions, name, state wanted, last part of the id."""


def spoilt(command: str, **changes: NewValue) -> Build:
    """The command's good call with some arguments replaced."""

    def build(scene: Scene) -> Call:
        made = GOOD[command](scene)
        return with_args(made, **{name: change(scene, made) for name, change in changes.items()})

    return build


def arg(made: Call, name: str) -> int:
    """An argument of a call by its name in the tables."""
    found = dict(zip(_names(made), made.args, strict=True))
    return found[name]


def _names(made: Call) -> list[str]:
    return [r.name for r in made.command.inputs] if made.command else []


def plus(name: str, offset: int) -> NewValue:
    """The argument, a little further."""
    return lambda _scene, made: arg(made, name) + offset


def constant(value: int) -> NewValue:
    """A fixed value."""
    return lambda _scene, _made: value


def of_realm(value: Callable[[Realm], int]) -> NewValue:
    """A value that follows from the realm of the call."""
    return lambda scene, made: value(scene.of(arg(made, "rd")))


def _granule_cases() -> Iterator[Case]:
    for command, arguments in _GRANULES.items():
        for prefix, name, state, last in arguments:
            yield Case(command, f"{prefix}_align", spoilt(command, **{name: plus(name, 8)}))
            bound = f"{prefix}_bound"
            yield Case(command, bound, spoilt(command, **{name: device}), "device")
            yield Case(command, bound, spoilt(command, **{name: _beyond}), "beyond")
            if command == "RMI_GRANULE_DELEGATE" or last == "pas":
                yield Case(command, bound, spoilt(command, **{name: secure}), "secure")
            yield from _wrong_states(command, f"{prefix}_{last}", name, state)
            if last == "pas":
                changed = spoilt(command, **{name: _not_ns})
                yield Case(command, f"{prefix}_pas", changed, "not-ns")


def _wrong_states(command: str, condition: str, name: str, wanted: GranuleState) -> Iterator[Case]:
    for state in GranuleState:
        if state is not wanted:
            changed = spoilt(command, **{name: _granule_in(state)})
            yield Case(command, condition, changed, state.lower())


def _granule_in(state: GranuleState) -> NewValue:
    return lambda scene, _made: scene.granule_in(state)


def device(scene: Scene, _made: Call) -> int:
    """Memory of a device."""
    return needed(scene.kit.device, "device memory")


def secure(scene: Scene, _made: Call) -> int:
    """Memory of the secure world."""
    return needed(scene.kit.secure, "memory of the secure world")


def _beyond(scene: Scene, _made: Call) -> int:
    return needed(scene.kit.beyond, "address without anything")


def _not_ns(scene: Scene, _made: Call) -> int:
    return needed(scene.kit.not_ns, "DRAM of another world")


def high(scene: Scene, _made: Call) -> int:
    """A DELEGATED granule above 48 bits."""
    pa = needed(scene.kit.high, "DRAM above 48 bits")
    scene.do("RMI_GRANULE_DELEGATE", pa)
    return pa


_OF_PARENT = ("RMI_RTT_CREATE", "RMI_RTT_DESTROY", "RMI_RTT_FOLD")
_OF_ENTRY = ("RMI_RTT_READ_ENTRY", "RMI_RTT_MAP_UNPROTECTED", "RMI_RTT_UNMAP_UNPROTECTED")
_UNPROTECTED = _OF_ENTRY[1:]


def _too_shallow(command: str) -> NewValue:
    if command in _OF_PARENT:
        return of_realm(lambda realm: realm.start_level)
    return constant(0) if command in _UNPROTECTED else of_realm(lambda r: r.start_level - 1)


def _level_cases() -> Iterator[Case]:
    for command in (*_OF_PARENT, *_OF_ENTRY):
        yield Case(command, "level_bound", spoilt(command, level=constant(4)), "4")
        yield Case(command, "level_bound", spoilt(command, level=constant(2**64 - 1)), "minus-1")
        shallow = spoilt(command, level=_too_shallow(command))
        yield Case(command, "level_bound", shallow, "too-shallow")
        off = GRANULE_BYTES if command in _OF_PARENT else GRANULE_BYTES // 2
        yield Case(command, "ipa_align", spoilt(command, ipa=plus("ipa", off)))
        beyond = spoilt(command, ipa=of_realm(lambda realm: realm.ipa_top))
        yield Case(command, "ipa_bound", beyond, "beyond")
    for command in _UNPROTECTED:
        yield Case(command, "ipa_bound", spoilt(command, ipa=constant(0)), "protected")
        yield Case(command, "rtt_walk", spoilt(command, ipa=plus("ipa", entry_bytes(2))))
    for command in _OF_PARENT:
        yield Case(command, "rtt_walk", spoilt(command, ipa=plus("ipa", entry_bytes(1))))


def _data_cases() -> Iterator[Case]:
    for command in ("RMI_DATA_CREATE", "RMI_DATA_CREATE_UNKNOWN", "RMI_DATA_DESTROY"):
        border = of_realm(lambda realm: realm.protected_top)
        yield Case(command, "ipa_bound", spoilt(command, ipa=border), "unprotected")
        beyond = of_realm(lambda realm: realm.ipa_top)
        yield Case(command, "ipa_bound", spoilt(command, ipa=beyond), "beyond")
        yield Case(command, "ipa_align", spoilt(command, ipa=plus("ipa", 8)))
        yield Case(command, "rtt_walk", spoilt(command, ipa=plus("ipa", entry_bytes(2))))
    for command in ("RMI_DATA_CREATE", "RMI_DATA_CREATE_UNKNOWN"):
        yield Case(command, "data_bound2", spoilt(command, data=high))
        yield Case(command, "rtte_state", _already_mapped(command), "assigned")
    unmapped = spoilt("RMI_DATA_DESTROY", ipa=plus("ipa", GRANULE_BYTES))
    yield Case("RMI_DATA_DESTROY", "rtte_state", unmapped, "unassigned")


def _already_mapped(command: str) -> Build:
    def build(scene: Scene) -> Call:
        made = GOOD[command](scene)
        scene.data(arg(made, "rd"), arg(made, "ipa"))
        return made

    return build


CASES: tuple[Case, ...] = (
    *_granule_cases(),
    *_level_cases(),
    *_data_cases(),
    Case("RMI_DATA_CREATE", "flags_valid", spoilt("RMI_DATA_CREATE", flags=constant(2))),
    Case("RMI_RTT_CREATE", "rtt_bound2", spoilt("RMI_RTT_CREATE", rtt=high)),
    Case("RMI_GRANULE_DELEGATE", "gran_gpt", spoilt("RMI_GRANULE_DELEGATE", addr=_not_ns)),
    *(
        Case("RMI_VERSION", "incompatible", spoilt("RMI_VERSION", req=constant(req)), name)
        for req, name in ((0x2_0000, "2.0"), (0x1_0001, "1.1"), (0, "0.0"))
    ),
)
