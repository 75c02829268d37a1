# SPDX-License-Identifier: BSD-3-Clause
"""Cases about RSI calls; the realm's REC runs when the last one is made."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from harness.model.scenarios.good import RAM
from harness.model.scenarios.kit import Unavailable
from harness.model.scenarios.recipe import Build, Case
from harness.model.scenarios.scene import Do, Scene
from harness.model.state import Realm
from harness.types import GRANULE_BYTES

Args = Callable[[Realm, int], tuple[int, ...]]
"""Arguments from the realm and the IPA of a mapped page of RAM."""

_RANGE_ALIGN = 8


def _rsi(name: str, args: Args, *, with_token: bool = False) -> Build:
    def build(scene: Scene) -> Do:
        rd, (rec,) = scene.guest(activate=False)
        heap = scene.kit.heap
        scene.ram(rd, heap, heap + GRANULE_BYTES)
        scene.data(rd, heap)
        scene.do("RMI_REALM_ACTIVATE", rd)
        scene.enter(rec)
        if with_token:
            if not scene.kit.platform.has_attestation:
                raise Unavailable("this RMM makes no tokens")
            scene.act(rec, scene.smc("RSI_ATTESTATION_TOKEN_INIT"))
        return Do(rec, scene.smc(name, *args(scene.of(rd), heap)))

    return build


def _fixed(*values: int) -> Args:
    return lambda _realm, _heap: values


def _page_cases(name: str, *rest: int, align: int = GRANULE_BYTES) -> Iterator[Case]:
    token = name == "RSI_ATTESTATION_TOKEN_CONTINUE"

    def case(condition: str, args: Args, variant: str = "") -> Case:
        return Case(name, condition, _rsi(name, args, with_token=token), variant)

    yield case("addr_align", lambda _realm, heap: (heap + align // 2, *rest))
    yield case("addr_bound", lambda realm, _heap: (realm.protected_top, *rest), "unprotected")
    yield case("addr_bound", lambda realm, _heap: (realm.ipa_top, *rest), "beyond")
    yield case("addr_bound", lambda _realm, heap: (heap + GRANULE_BYTES, *rest), "empty")


def _range_cases(name: str, top_align: str, *rest: int) -> Iterator[Case]:
    def case(condition: str, args: Args, variant: str = "") -> Case:
        return Case(name, condition, _rsi(name, lambda r, h: (*args(r, h), *rest)), variant)

    page = GRANULE_BYTES
    yield case("base_align", lambda _realm, heap: (heap + _RANGE_ALIGN, heap + page))
    yield case(top_align, lambda _realm, heap: (heap, heap + page + _RANGE_ALIGN))
    yield case("size_valid", lambda _realm, heap: (heap, heap), "nothing")
    yield case("size_valid", lambda _realm, heap: (heap + page, heap), "reversed")
    yield case("rgn_bound", lambda realm, heap: (heap, realm.protected_top + page), "border")
    yield case(
        "rgn_bound",
        lambda realm, _heap: (realm.protected_top, realm.protected_top + page),
        "unprotected",
    )


def _token_without_attestation(scene: Scene) -> Do:
    if scene.kit.platform.has_attestation:
        raise Unavailable("this RMM makes tokens")
    _, (rec,) = scene.guest()
    scene.enter(rec)
    return Do(rec, scene.smc("RSI_ATTESTATION_TOKEN_INIT"))


def _token_cases() -> Iterator[Case]:
    yield Case("RSI_ATTESTATION_TOKEN_INIT", "unknown", _token_without_attestation)
    name = "RSI_ATTESTATION_TOKEN_CONTINUE"
    wrong = {
        "offset_bound": (GRANULE_BYTES, 0),
        "size_overflow": (1, 2**64 - 1),
        "size_bound": (1, GRANULE_BYTES),
    }
    for condition, (offset, size) in wrong.items():

        def args(
            _realm: Realm, heap: int, rest: tuple[int, int] = (offset, size)
        ) -> tuple[int, ...]:
            return (heap, *rest)

        yield Case(name, condition, _rsi(name, args, with_token=True))
    yield Case(name, "state", _rsi(name, lambda _realm, heap: (heap, 0, GRANULE_BYTES)))


def _set_cases() -> Iterator[Case]:
    name = "RSI_IPA_STATE_SET"
    for condition, ripas, flags in (("ripas_valid", 2, 0), ("flags_valid", RAM, 2)):

        def args(
            _realm: Realm, heap: int, rest: tuple[int, int] = (ripas, flags)
        ) -> tuple[int, ...]:
            return (heap, heap + GRANULE_BYTES, *rest)

        yield Case(name, condition, _rsi(name, args))


CASES: tuple[Case, ...] = (
    Case("RSI_VERSION", "incompatible", _rsi("RSI_VERSION", _fixed(0x2_0000))),
    Case("RSI_MEASUREMENT_READ", "index_bound", _rsi("RSI_MEASUREMENT_READ", _fixed(5))),
    *(
        Case(
            "RSI_MEASUREMENT_EXTEND", "index_bound", _rsi("RSI_MEASUREMENT_EXTEND", _fixed(n, 0)), v
        )
        for n, v in ((0, "rim"), (5, "beyond"))
    ),
    Case("RSI_MEASUREMENT_EXTEND", "size_bound", _rsi("RSI_MEASUREMENT_EXTEND", _fixed(1, 65))),
    *_page_cases("RSI_REALM_CONFIG"),
    *_page_cases("RSI_HOST_CALL", align=256),
    *_page_cases("RSI_ATTESTATION_TOKEN_CONTINUE", 0, GRANULE_BYTES),
    *_token_cases(),
    *_range_cases("RSI_IPA_STATE_GET", "end_align"),
    *_range_cases("RSI_IPA_STATE_SET", "top_align", RAM, 0),
    *_set_cases(),
)
