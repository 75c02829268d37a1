# SPDX-License-Identifier: BSD-3-Clause
"""Verdicts: what is acceptable when several conditions fail, and how they explain themselves."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.abi import Command, Condition
from harness.errors import AbiError, HarnessError
from harness.model import Continues, GranuleState, call, failing_conditions, step
from harness.model.scenarios import CASES, GOOD, Kit, Scene, Unavailable, with_args
from harness.model.scenarios.kit import needed
from harness.model.scenarios.recipe import Case
from harness.model.verdict import Answer, Verdict, order, reportable
from harness.model.view import sure
from harness.tests.model_kits import PLAIN, kit

INPUT, REALM, RTT = 1, 2, 4


@pytest.fixture
def scene() -> Scene:
    return Scene(kit())


def command(*pairs: tuple[str, str]) -> Command:
    conditions = tuple(Condition(c, "RMI_ERROR_INPUT", 0, c) for c in "abc")
    return Command("X", 0, (), (), conditions, pairs)


def test_order_is_transitive() -> None:
    assert ("a", "c") in order(command(("a", "b"), ("b", "c")))
    assert reportable(command(("a", "b"), ("b", "c")), ("a", "c")) == ("a",)


def test_conditions_without_an_order_are_all_reportable() -> None:
    assert reportable(command(("a", "b")), ("a", "b", "c")) == ("a", "c")


def test_unordered_conditions_give_several_answers(scene: Scene) -> None:
    made = GOOD["RMI_DATA_CREATE"](scene)
    scene.do("RMI_REALM_ACTIVATE", made.args[0])
    both = with_args(made, ipa=scene.kit.heap + (2 << 20))
    assert failing_conditions(scene.state, both) == ("realm_state", "rtt_walk")
    verdict, _ = step(scene.state, both)
    assert verdict.condition == "realm_state"
    assert verdict.accepts((REALM, 0, 0, 0))
    assert verdict.accepts((RTT | 2 << 8,))
    assert not verdict.accepts((INPUT,))
    assert not verdict.accepts((RTT | 1 << 8,))


def test_ordered_conditions_give_one_answer(scene: Scene) -> None:
    made = with_args(GOOD["RMI_REALM_ACTIVATE"](scene), rd=scene.delegated())
    verdict, _ = step(scene.state, made)
    assert [answer.condition for answer in verdict.acceptable] == ["rd_state"]


def test_undefined_conditions_are_left_out(scene: Scene) -> None:
    scene.realm()
    assert failing_conditions(scene.state, call("RMI_RTT_FOLD", 8, 5, 77)) == ("rd_align",)


def test_explanation_names_call_reason_and_registers(scene: Scene) -> None:
    made = GOOD["RMI_DATA_DESTROY"](scene)
    wrong = with_args(made, ipa=scene.kit.heap + 0x1000)
    text = step(scene.state, wrong)[0].explain((0, 5, 6))
    assert "RMI_DATA_DESTROY(rd=0x" in text
    assert "wanted: RMI_ERROR_RTT[3](data=any, top=0x40200000)" in text
    assert "because RTTE HIPAS is not ASSIGNED [rtte_state]" in text
    assert "seen:   RMI_SUCCESS(data=0x5, top=0x6): not acceptable" in text


def test_explanation_lists_alternatives(scene: Scene) -> None:
    made = GOOD["RMI_DATA_CREATE"](scene)
    both = with_args(made, ipa=scene.kit.heap + (2 << 20) + 8)
    text = step(scene.state, both)[0].explain((INPUT,))
    assert "or:     RMI_ERROR_RTT[2]" in text
    assert text.endswith("as wanted")


def test_explanation_of_success(scene: Scene) -> None:
    verdict, _ = step(scene.state, GOOD["RMI_FEATURES"](scene))
    assert f"RMI_SUCCESS(value={PLAIN.features:#x})" in verdict.explain()
    assert verdict.output("value") == PLAIN.features
    assert verdict.output("nothing") is None


def test_explanation_of_a_realm_call(scene: Scene) -> None:
    _, (rec,) = scene.guest()
    scene.enter(rec)
    outcome = scene.act(rec, scene.smc("RSI_MEASUREMENT_READ", 9))
    assert isinstance(outcome, Continues)
    assert outcome.verdict is not None
    assert "wanted: RSI_ERROR_INPUT because index > 4" in outcome.verdict.explain((0,))
    assert "0x10001" in Verdict("PSCI_VERSION", "", (Answer((0x1_0001,)),)).explain()
    assert "any" in Verdict("PSCI_VERSION", "", (Answer((None,)),)).explain()


def test_unknown_command_name() -> None:
    with pytest.raises(AbiError, match="RMI_GRANULE"):
        call("RMI_GRANULE_DELEGAT")


def test_effect_without_its_conditions() -> None:
    with pytest.raises(HarnessError, match="conditions do not hold"):
        sure(None)


class TestKit:
    """Machines that lack something."""

    @pytest.fixture
    def bare(self) -> Kit:
        return replace(kit(), device=None, not_ns=None, high=None)

    def test_missing_memory(self, bare: Kit) -> None:
        with pytest.raises(Unavailable, match="no DRAM above 48 bits"):
            needed(bare.high, "DRAM above 48 bits")

    def test_recipes_say_what_they_lack(self, bare: Kit) -> None:
        poor = replace(
            bare,
            platform=replace(
                PLAIN,
                aux_granules=0,
                rec_limit=500,
                features=PLAIN.features & ~0xFF | 40,
                has_attestation=False,
            ),
        )
        reasons = set()
        for case in CASES:
            try:
                case.recipe(poor)
            except Unavailable as reason:
                reasons.add(reason.message.split()[0])
        assert {"this", "RECs", "500", "every", "no"} <= reasons

    def test_recipes_for_machines_that_offer_everything(self) -> None:
        rich = replace(PLAIN, features=PLAIN.features | 1 << 8 | 1 << 9 | 1 << 26, aux_granules=16)
        offered = [c for c in CASES if c.variant in ("lpa2", "sve", "pmu")]
        for case in offered:
            with pytest.raises(Unavailable, match="offers"):
                case.recipe(kit(rich))
        (one,) = (c for c in CASES if (c.command, c.condition) == ("RMI_REC_CREATE", "num_aux"))
        assert one.recipe(kit(rich)).id == "RMI_REC_CREATE-num_aux"

    def test_granules_in_use_are_of_one_realm(self, scene: Scene) -> None:
        rd = scene.granule_in(GranuleState.RD)
        assert scene.state.granule(scene.granule_in(GranuleState.DATA)).owner == rd

    def test_broken_recipe_says_so(self, scene: Scene) -> None:
        with pytest.raises(HarnessError, match="a recipe does not work"):
            scene.do("RMI_REALM_ACTIVATE", 0)

    def test_recipe_that_wants_an_exit(self, scene: Scene) -> None:
        _, (rec,) = scene.guest()
        with pytest.raises(HarnessError, match="wanted an exit"):
            scene.run(rec, scene.smc("PSCI_VERSION"))

    def test_case_and_recipe_have_the_same_id(self) -> None:
        case = Case("RMI_FEATURES", "x", lambda s: s.call("RMI_FEATURES"), "y")
        assert case.recipe(kit()).id == case.id == "RMI_FEATURES-x-y"
