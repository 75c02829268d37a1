# SPDX-License-Identifier: BSD-3-Clause
"""Results: decoding, comparison with what a test wants, and the words of a failure."""

from __future__ import annotations

import copy

import pytest

from harness.abi import tables
from harness.errors import AbiError, HarnessError
from harness.rmi import CommandFailed, Fails, Result, Succeeds, explain
from harness.types import MASK64


def result(name: str, *x: int, args: tuple[int, ...] = ()) -> Result:
    return Result(tables().command(name), args, (*x, *[0] * (8 - len(x))))


CALL = "RMI_RTT_DESTROY(rd=0x1000, ipa=0x2000, level=0x3)"
DELEGATED = result("RMI_GRANULE_DELEGATE", 0, args=(0x8000_0000,))
WALK_ENDED = result("RMI_RTT_DESTROY", 0x204, 0, 0x4000_0000, args=(0x1000, 0x2000, 3))
DESTROYED = result("RMI_RTT_DESTROY", 0, 0x9000, 0x4000_0000, args=(0x1000, 0x2000, 3))


@pytest.mark.parametrize(
    ("seen", "status", "code", "index", "ok"),
    [
        (DELEGATED, "RMI_SUCCESS", 0, 0, True),
        (WALK_ENDED, "RMI_ERROR_RTT", 4, 2, False),
        (result("RMI_VERSION", MASK64), "NOT_SUPPORTED", -1, 0, False),
        (result("RMI_VERSION", 0xFFFF_FFFF), "NOT_SUPPORTED", -1, 0, False),
        (result("RMI_VERSION", 0x77), "RMI_STATUS_119", 0x77, 0, False),
        (result("RSI_REALM_CONFIG", 2), "RSI_ERROR_STATE", 2, 0, False),
        (result("RSI_REALM_CONFIG", 0x102), "RSI_STATUS_258", 0x102, 0, False),
    ],
)
def test_decoding(seen: Result, status: str, code: int, index: int, ok: bool) -> None:
    assert (seen.status, seen.code, seen.index, seen.ok) == (status, code, index, ok)


def test_outputs_by_name() -> None:
    assert (DESTROYED.rtt, DESTROYED.top) == (0x9000, 0x4000_0000)
    with pytest.raises(AttributeError, match="no output named tops; there are: result, rtt, top"):
        _ = DESTROYED.tops


def test_result_can_be_copied() -> None:
    assert copy.copy(DESTROYED) == DESTROYED
    assert copy.deepcopy(WALK_ENDED) == WALK_ENDED


@pytest.mark.parametrize(
    ("seen", "text"),
    [
        (DELEGATED, "RMI_GRANULE_DELEGATE(addr=0x80000000) → RMI_SUCCESS"),
        (
            DESTROYED,
            f"{CALL} → RMI_SUCCESS(rtt=0x9000, top=0x40000000)",
        ),
        (WALK_ENDED, f"{CALL} → RMI_ERROR_RTT(2)"),
        (result("RMI_VERSION", MASK64, args=(1,)), "RMI_VERSION(req=0x1) → NOT_SUPPORTED"),
    ],
)
def test_text(seen: Result, text: str) -> None:
    assert str(seen) == text
    assert repr(seen) == text


@pytest.mark.parametrize(
    ("seen", "wanted", "equal"),
    [
        (DELEGATED, Succeeds(), True),
        (DESTROYED, Succeeds(top=0x4000_0000), True),
        (DESTROYED, Succeeds(top=0x4000_0001), False),
        (WALK_ENDED, Succeeds(), False),
        (WALK_ENDED, Fails("rtt_walk", index=2), True),
        (WALK_ENDED, Fails("rtt_walk", index=1), False),
        (WALK_ENDED, Fails("rd_align"), False),
        (WALK_ENDED, Fails("rtt_walk", 2, {"top": 0x4000_0000}), True),
        (WALK_ENDED, Fails("rtt_walk", 2, {"top": 0x8000_0000}), False),
        (DELEGATED, Fails("gran_align"), False),
        (result("RMI_GRANULE_DELEGATE", 1), Fails("gran_align"), True),
        (result("RMI_GRANULE_DELEGATE", MASK64), Fails("gran_align"), False),
        (result("RMI_REC_ENTER", 0x102), Fails("system_off"), True),
        (result("RMI_REC_ENTER", 0x002), Fails("system_off"), False),
        (result("RSI_REALM_CONFIG", 1), Fails("addr_align"), True),
    ],
)
def test_comparison_both_ways(seen: Result, wanted: Succeeds | Fails, equal: bool) -> None:
    assert (seen == wanted) is equal
    assert (wanted == seen) is equal
    assert (seen != wanted) is not equal


def test_results_are_equal_by_what_they_hold() -> None:
    assert result("RMI_FEATURES", 0, 7) == result("RMI_FEATURES", 0, 7)
    assert result("RMI_FEATURES", 0, 7) != result("RMI_FEATURES", 0, 8)
    assert DELEGATED != "RMI_SUCCESS"


def test_level_that_only_the_test_knows_must_be_given() -> None:
    text = r"RMI_RTT_DESTROY: condition rtt_walk reports walk_level as index\nhint: say Fails\("
    with pytest.raises(HarnessError, match=text):
        Fails("rtt_walk").matches(WALK_ENDED)


def test_condition_that_the_command_does_not_have() -> None:
    with pytest.raises(
        AbiError, match="no failure condition of RMI_GRANULE_DELEGATE named rd_alig"
    ):
        Fails("rd_align").matches(DELEGATED)


def test_require() -> None:
    assert DESTROYED.require() is DESTROYED
    with pytest.raises(CommandFailed) as caught:
        WALK_ENDED.require()
    assert str(caught.value) == f"wanted success, seen {WALK_ENDED}"
    assert caught.value.verdict == "assertion"


@pytest.mark.parametrize(
    ("seen", "wanted", "lines"),
    [
        (
            WALK_ENDED,
            Succeeds(top=0x5000),
            [
                "RMI_RTT_DESTROY: Succeeds(top=0x5000)",
                "wanted: success with top=0x5000",
                f"seen:   {WALK_ENDED}",
                "known:  RMI_ERROR_RTT: walk to level-1 ended earlier [rtt_walk]",
                "known:  RMI_ERROR_RTT: parent RTTE is not TABLE [rtte_state]",
                "known:  RMI_ERROR_RTT: child table is live [rtt_live]",
            ],
        ),
        (
            DESTROYED,
            Fails("rtt_live", 3, {"top": 0x4000}),
            [
                "RMI_RTT_DESTROY: Fails(condition='rtt_live', index=3, outputs={'top': 16384})",
                "wanted: RMI_ERROR_RTT(3) because child table is live [rtt_live]",
                "        with top=0x4000",
                f"seen:   {DESTROYED}",
            ],
        ),
        (
            DELEGATED,
            Fails("gran_align"),
            [
                "RMI_GRANULE_DELEGATE: Fails(condition='gran_align', index=None, outputs={})",
                "wanted: RMI_ERROR_INPUT(0) because addr is not 4KB aligned [gran_align]",
                f"seen:   {DELEGATED}",
            ],
        ),
    ],
)
def test_explanation(seen: Result, wanted: Succeeds | Fails, lines: list[str]) -> None:
    assert explain(seen, wanted) == lines
    assert explain(wanted, seen) == lines


def test_nothing_to_explain() -> None:
    assert explain(DELEGATED, DELEGATED) is None
    assert explain(1, Succeeds()) is None
