# SPDX-License-Identifier: BSD-3-Clause
"""Scripts of random calls: read as they are written; made shorter while they still fail."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

import pytest

from harness.abi import tables
from harness.model import Access, GicAccess, Kind, Smc, Wait
from harness.model.scenarios import Scene
from harness.oracle import SCENES, Dice, Disagreement, Ground, Parted, ScriptError, reduce
from harness.oracle.dice import NoMoreDice
from harness.oracle.game import Failure
from harness.oracle.ground import Program, UnknownName
from harness.oracle.host_calls import HostCalls
from harness.oracle.places import Places
from harness.oracle.script import lines_of, numbered, read, show
from harness.oracle.steps import Deed, Issue, Nap, Nop, Peek, Step, Wake
from harness.tests.model_kits import PLAIN, PROGRAM

GRANULES, PAGES = 0x9000_0000, 0xA000_0000
GROUND = Ground(GRANULES, PAGES, PLAIN, Program(PROGRAM, 0x1_0000, 0x1_0010, 0x1_2000, 0x800))

DEEDS: list[Deed] = [
    Nop(),
    Nap(),
    Wait(),
    Wait(is_wfe=True),
    Access(0x4000_0008),
    Access(0x80_0000_0000, Kind.WRITE, 4, 0x8081, register_bits=32),
    Access(8, Kind.READ, 16, has_syndrome=False),
    Access(8, Kind.READ, 2, register_bits=32, sign_extend=True),
    Access(0x1000, Kind.FETCH),
    Smc((0xC400_0197, 0x1000, 0x2000)),
    Smc((0xC600_0000, 1)),
    GicAccess(3, 0x1_0001),
]

STEPS: list[Step] = [
    Peek(GRANULES + 0x1000, pe=1),
    Wake(1),
    Wake(1, irq=False),
    Issue("RMI_GRANULE_DELEGATE", (GRANULES + 0x1800,), pe=1),
    Issue("RMI_VERSION", (0x1_0000,)),
    Issue("0xc40001ff", (1, 2)),
    Issue("RMI_REC_CREATE", (GRANULES, 0, PAGES), fields=(("aux", (GRANULES, 7)), ("mpidr", 1))),
    Issue("RMI_REALM_CREATE", (GRANULES, PAGES), fields=(("rtt_level_start", -1),)),
    Issue("RMI_REC_ENTER", (GRANULES, PAGES), fields=(("flags", 3), ("gprs", (5,))), irq=True),
    *(Issue("RMI_REC_ENTER", (GRANULES, PAGES), deed=deed) for deed in DEEDS),
]


@pytest.mark.parametrize("made", STEPS, ids=lambda made: show(made, GROUND))
def test_step_is_read_as_it_was_shown(made: Step) -> None:
    assert read(show(made, GROUND), GROUND) == made


def test_memory_has_names() -> None:
    made = Issue("RMI_GRANULE_DELEGATE", (GRANULES + 3 * 0x1000 + 8,), pe=1)
    assert show(made, GROUND) == "RMI_GRANULE_DELEGATE addr=g3+0x8 on=1"


def test_flags_of_an_entry_have_names() -> None:
    made = Issue("RMI_REC_ENTER", (GRANULES, PAGES), fields=(("flags", 3),))
    assert show(made, GROUND).endswith(" with flags=EMUL_MMIO|INJECT_SEA")


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("RMI_GRANULE_DESTROY addr=g0", "RMI_GRANULE_DESTROY"),
        ("RMI_GRANULE_DELEGATE g0", "'g0' is not name=value"),
        ("RMI_GRANULE_DELEGATE addr=g0 rd=g1", "no input 'rd', it has addr, x2"),
        ("RMI_GRANULE_DELEGATE adr=g0", "no input 'adr', it has addr"),
        ("RMI_REC_ENTER run_ptr=p0", "input 'rec' is missing"),
        ("RMI_VERSION x5=1", "no input 'x5', it has req"),
        ("0xc4000fff addr=g0", "no input 'addr', it has x1"),
        ("RMI_GRANULE_DELEGATE addr=g0 with flags=1", "it has no parameter page"),
        ("RMI_REC_ENTER rec=g0 run_ptr=p0 with flag=1", "flag"),
        (
            "RMI_REC_ENTER rec=g0 run_ptr=p0 doing JUMP",
            "no deed 'JUMP', there are HVC, WFI, WFE, NAP, NOP, SMC, MSR, READ, WRITE, FETCH",
        ),
        ("RMI_REC_ENTER rec=g0 run_ptr=p0 doing MSR is=1", "no input 'is', it has iss, value"),
        ("RMI_REC_ENTER rec=g0 run_ptr=p0 doing MSR value=1", "input 'iss' is missing"),
        ("RMI_REC_ENTER rec=g0 run_ptr=p0 doing SMC", "input 'x' is missing"),
        ("RMI_REC_ENTER rec=g0 run_ptr=p0 doing SMC x=0xc4000190,z", "x=z: 'z' is no number"),
        ("RMI_REC_ENTER rec=g0 run_ptr=p0 doing READ ip=1", "no input 'ip', it has ipa, width"),
        ("RMI_REC_ENTER rec=g0 run_ptr=p0 doing READ ipa=g", "ipa=g: 'g' is no number"),
        ("PEEK on=1", "input 'addr' is missing"),
        ("PEEK addr=g0 irq2=1", "no input 'irq2', it has addr, on"),
        ("WAKE on=one", "on=one: 'one' is no number"),
        ("WAKE addr=g0", "no input 'addr', it has on, irq"),
    ],
)
def test_line_that_is_no_step_is_named(line: str, complaint: str) -> None:
    with pytest.raises(ScriptError, match=complaint) as caught:
        read(line, GROUND)
    assert f"this line is no step: {line!r}" in str(caught.value)


@pytest.mark.parametrize("name", ["g192", "p512", "q1", "g"])
def test_memory_that_there_is_not_is_named(name: str) -> None:
    with pytest.raises(UnknownName, match=f"'{name}' is no number and names no memory"):
        read(f"PEEK addr={name}", GROUND)


def test_numbers_and_comments_mean_nothing() -> None:
    lines = ["scene guest", "WAKE on=1"]
    text = f"# why\n\n{numbered(lines)}# step 1: this\n"
    assert lines_of(text) == dict(enumerate(lines, 3))


def failure(lines: Sequence[str]) -> Failure:
    return Failure(tuple(lines), len(lines) - 1, Disagreement("an answer", "this", "that"))


def test_failure_is_a_script_that_says_where_model_and_machine_part() -> None:
    parted = Parted(failure(["scene nothing", "PEEK addr=g0"]))
    assert parted.message == (
        "model and machine part:\nscene nothing\n  1 PEEK addr=g0\n"
        "# step 1: an answer\n#   wanted: this\n#   seen:   that\n"
    )


def test_disagreement_in_the_tear_down_says_so() -> None:
    found = Failure(("scene nothing",), 1, Disagreement("an answer", "this", "that"))
    assert "# step 1: an answer (taking everything apart after the last step)" in found.text


def reduced(*wanted: str) -> tuple[str, ...]:
    """What is left of a long script that fails if it has all of these lines."""

    def attempt(lines: Sequence[str]) -> Failure | None:
        return failure(lines) if set(wanted) <= set(lines) else None

    long = ["scene two", *(f"PEEK addr=g{n}" for n in range(40))]
    return reduce(failure(long), attempt).lines


def test_steps_without_need_are_left_out() -> None:
    wanted = ("PEEK addr=g3", "PEEK addr=g30")
    assert reduced(*wanted) == ("scene nothing", *wanted)


def test_the_simplest_scene_that_fails_is_taken() -> None:
    assert reduced("scene two") == ("scene two",)


def test_words_without_need_are_left_out() -> None:
    def attempt(lines: Sequence[str]) -> Failure | None:
        return failure(lines) if len(lines) > 1 and "gprs=2" in lines[-1] else None

    long = ["scene two", "RMI_REC_ENTER rec=g0 on=1 irq=1 with flags=1 gprs=2 doing WFI"]
    wanted = ("scene nothing", "RMI_REC_ENTER rec=g0 with gprs=2")
    assert reduce(failure(long), attempt).lines == wanted


def test_no_fields_leave_no_word_behind() -> None:
    def attempt(lines: Sequence[str]) -> Failure | None:
        return failure(lines) if lines[-1].endswith("doing WFI") else None

    long = ["scene two", "RMI_REC_ENTER rec=g0 with flags=1 doing WFI"]
    wanted = ("scene nothing", "RMI_REC_ENTER rec=g0 doing WFI")
    assert reduce(failure(long), attempt).lines == wanted


def test_what_does_not_fail_again_stays_as_it_is() -> None:
    once = failure(["scene two", "PEEK addr=g0"])
    assert reduce(once, lambda _: None) is once


def test_dice_are_used_up() -> None:
    dice = Dice(b"\x00\xff")
    assert (dice.number(6), dice.number(6)) == (0, 5)
    with pytest.raises(NoMoreDice):
        dice.number(6)


def test_zeros_choose_the_first() -> None:
    assert Dice(b"\0").of("abc") == "a"
    assert not Dice(b"\0").chance(2)


def test_large_numbers_take_two_bytes() -> None:
    assert Dice(b"\x80\x00").number(1000) == 500


@pytest.mark.parametrize("name", [c for c in tables().commands if c.startswith("RMI_")])
def test_made_up_call_is_read_as_it_was_shown(name: str) -> None:
    scene = Scene(GROUND.kit)
    SCENES["recs"](scene)
    for number in range(20):
        dice = Dice(Random(number).randbytes(200))
        made = HostCalls(GROUND, dice, Places(GROUND, dice)).make(name, scene.state, 0)
        assert read(show(made, GROUND), GROUND) == made
