# SPDX-License-Identifier: BSD-3-Clause
"""The rules in a session: what holds for a test, what is its doing, and what is said of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from harness import coverage
from harness.errors import HarnessError
from harness.plugin.judging import RuleBroken, Terms, Trial, terms_of
from harness.stack import BuiltStack
from harness.tap.layout import State
from harness.tap.rules import RULES
from harness.tests.tap_files import RAM, Writer, fid

GRANULE = RAM + 0x10_000
HOST = {rule.name for rule in RULES if rule.side == "host"}
RMM = {rule.name for rule in RULES if rule.side == "rmm"}
EL3 = "RMM_GTSI_DELEGATE"


def built(*capabilities: str) -> BuiltStack:
    return cast("BuiltStack", SimpleNamespace(capabilities=frozenset(capabilities)))


def item(*marks: pytest.MarkDecorator) -> pytest.Item:
    held = [mark.mark for mark in marks]

    def named(name: str) -> list[pytest.Mark]:
        return [mark for mark in held if mark.name == name]

    def closest(name: str) -> pytest.Mark | None:
        return next(iter(named(name)), None)

    made = SimpleNamespace(iter_markers=named, get_closest_marker=closest)
    return cast("pytest.Item", made)


class Machine:
    """A tap file that grows, and its trial."""

    def __init__(self, path: Path, *capabilities: str) -> None:
        self.path = path
        self.writer = Writer()
        self.writer.call("RMM_BOOT_COMPLETE", state=State.REALM)
        self.writer.write(path)
        self.trial = Trial(path, built(*capabilities))

    def host(self, name: str, *args: int, status: int = 0) -> None:
        self.writer.back(self.writer.call(name, *args), status)
        self.writer.write(self.path)

    def delegate(self, pa: int = GRANULE, *, at_el3: bool = True) -> None:
        call = self.writer.call("RMI_GRANULE_DELEGATE", pa)
        if at_el3:
            inner = self.writer.call(EL3, pa, state=State.REALM)
            self.writer.back(inner, 0, state=State.REALM)
        self.writer.back(call, 0)
        self.writer.write(self.path)


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    made = Machine(tmp_path / "calls.tap", "rmi-1.0")
    yield made
    made.trial.close()


def test_rules_for_the_rmm_hold_in_every_test() -> None:
    assert terms_of(item()) == Terms(frozenset(RMM))


@pytest.mark.parametrize("name", ["host_rules", "linux"])
def test_rules_for_hosts_hold_where_there_is_a_host(name: str) -> None:
    assert terms_of(item(getattr(pytest.mark, name))) == Terms(frozenset(HOST | RMM))


def test_a_rule_that_a_test_breaks_does_not_hold_for_it() -> None:
    terms = terms_of(item(pytest.mark.host_rules, pytest.mark.violates("leaks", "one-pe")))
    assert terms == Terms(
        frozenset(HOST | RMM) - {"leaks", "one-pe"}, frozenset({"leaks", "one-pe"})
    )


def test_a_rule_that_there_is_not() -> None:
    with pytest.raises(HarnessError, match="no rule is named leek"):
        terms_of(item(pytest.mark.violates("leek")))


def test_what_keeps_the_rules_passes(machine: Machine) -> None:
    machine.trial.begin()
    machine.delegate()
    machine.trial.check()


def test_what_breaks_one_is_told_with_its_source(machine: Machine) -> None:
    machine.trial.begin()
    machine.delegate(at_el3=False)
    with pytest.raises(RuleBroken, match=r"gpt-changed \(rmm rule, .*\), from #2 on") as caught:
        machine.trial.check()
    assert f"RMM_GTSI_DELEGATE of {GRANULE:#x} was not done" in caught.value.message
    assert caught.value.hint == f"cca judge {machine.path}"


def test_few_of_many_are_shown(machine: Machine) -> None:
    machine.trial.begin()
    for number in range(7):
        machine.delegate(GRANULE + number * 0x1000, at_el3=False)
    with pytest.raises(RuleBroken) as caught:
        machine.trial.check()
    assert caught.value.message.endswith("and 2 more violations")


def test_what_was_before_a_test_is_not_its_doing(machine: Machine) -> None:
    machine.delegate(at_el3=False)
    machine.trial.begin()
    machine.host("RMI_GRANULE_DELEGATE", GRANULE, status=1)
    machine.trial.check()


def test_the_state_is_known_from_the_tests_before(machine: Machine) -> None:
    machine.delegate()
    machine.trial.begin()
    machine.delegate()
    with pytest.raises(RuleBroken, match=r"(?s)model-verdict .*gran_state"):
        machine.trial.check()


def test_a_rule_of_the_host_does_not_hold_by_itself(machine: Machine) -> None:
    machine.trial.begin()
    machine.delegate()
    machine.trial.check()  # nothing is given back
    machine.trial.terms = terms_of(item(pytest.mark.host_rules))
    machine.trial.begin()
    with pytest.raises(RuleBroken, match="leaks"):
        machine.trial.check()


def test_a_test_must_break_what_it_says(machine: Machine) -> None:
    machine.trial.terms = terms_of(item(pytest.mark.violates("leaks", "gic-hcr")))
    machine.trial.begin()
    machine.delegate()
    with pytest.raises(RuleBroken, match="the test says that it violates gic-hcr, and did not"):
        machine.trial.check()


def test_an_rmm_that_is_not_one_of_rmi_1_0_is_not_compared_with_the_model(tmp_path: Path) -> None:
    machine = Machine(tmp_path / "calls.tap", "granules")
    machine.delegate()
    machine.trial.begin()
    machine.delegate()
    machine.trial.check()
    machine.trial.close()


def test_what_el3_did_must_have_succeeded(machine: Machine) -> None:
    machine.trial.begin()
    call = machine.writer.call("RMI_GRANULE_DELEGATE", GRANULE)
    inner = machine.writer.call(EL3, GRANULE, state=State.REALM)
    machine.writer.back(inner, 0, state=State.REALM)
    machine.writer.back(call, 1)
    machine.writer.write(machine.path)
    with pytest.raises(RuleBroken, match="RMM_GTSI_DELEGATE was done, and yet the call failed"):
        machine.trial.check()


def test_what_was_found_is_known_when_the_machine_is_gone(machine: Machine) -> None:
    machine.trial.begin()
    machine.delegate(at_el3=False)
    with pytest.raises(RuleBroken):
        machine.trial.check()
    machine.trial.close()
    assert [one.rule for one in machine.trial.found()] == ["gpt-changed"]


@pytest.fixture
def collecting() -> Iterator[None]:
    coverage.begin()
    yield
    coverage.take()


@pytest.mark.usefixtures("collecting")
@pytest.mark.parametrize("named", [False, True])
def test_reasons_are_kept_for_a_test_that_names_one(machine: Machine, named: bool) -> None:
    """A test of an hour's random calls names none, and would fill the memory."""
    x = (fid("RMI_GRANULE_DELEGATE"), GRANULE)
    machine.delegate()
    machine.trial.begin()
    machine.host("RMI_GRANULE_DELEGATE", GRANULE, status=1)
    if named:
        coverage.claim(x, 1, "gran_state")
    machine.trial.check()
    assert bool(machine.trial.reasons) is named


def test_what_a_test_named_is_not_said_of_the_next_one(machine: Machine) -> None:
    """The next one may be on a Linux host, for which nobody collects."""
    coverage.begin()
    coverage.claim((fid("RMI_GRANULE_DELEGATE"), GRANULE), 1, "gran_align")
    coverage.take()
    machine.delegate()
    machine.trial.begin()
    machine.host("RMI_GRANULE_DELEGATE", GRANULE, status=1)
    machine.trial.check()


@pytest.mark.usefixtures("collecting")
def test_a_condition_that_did_not_hold_may_not_be_named(machine: Machine) -> None:
    x = (fid("RMI_GRANULE_DELEGATE"), GRANULE)
    machine.delegate()
    machine.trial.begin()
    machine.host("RMI_GRANULE_DELEGATE", GRANULE, status=1)
    coverage.claim(x, 1, "gran_state")
    coverage.claim(x, 3, "gran_bound")  # another answer, at another time
    machine.trial.check()
    coverage.claim(x, 1, "gran_align")
    with pytest.raises(
        RuleBroken,
        match='names "gran_align" as the reason why RMI_GRANULE_DELEGATE failed; by the model it '
        "was gran_state",
    ):
        machine.trial.check()


@pytest.mark.usefixtures("collecting")
@pytest.mark.parametrize("pa", [GRANULE, 0x10_0000_0000])
def test_of_what_the_model_does_not_know_any_condition_may_be_named(
    machine: Machine, pa: int
) -> None:
    machine.trial.begin()
    machine.host("RMI_GRANULE_DELEGATE", pa, status=1)
    coverage.claim((fid("RMI_GRANULE_DELEGATE"), pa), 1, "gran_align")
    machine.trial.check()
