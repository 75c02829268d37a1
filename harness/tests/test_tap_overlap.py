# SPDX-License-Identifier: BSD-3-Clause
"""The model over calls that overlap on two CPUs: whichever order fits, each counts once."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.abi import tables
from harness.cli.main import main
from harness.tap import State, assemble
from harness.tap.rules import Judge
from harness.tests.tap_files import RAM, Writer

DELEGATE, UNDELEGATE = "RMI_GRANULE_DELEGATE", "RMI_GRANULE_UNDELEGATE"
RECORDED = Path(__file__).resolve().parent / "recordings" / "overlaps"
OVERLAPS = ["rec_entered_before_its_exit_is_told", "ripas_set_before_the_rec_went_on"]
INPUT = tables().statuses["RMI_ERROR_INPUT"]


def judged(writer: Writer) -> list[str]:
    judge = Judge(writer.header(), {"model-verdict"}, is_1_0=True)
    for event in assemble(writer.records):
        judge.feed(event)
    judge.end()
    return [str(violation) for violation in judge.violations]


def alone(writer: Writer, name: str, x0: int = 0) -> None:
    writer.back(writer.call(name, RAM), x0)


def test_effect_that_had_to_be_assumed_is_not_had_twice() -> None:
    """Undelegated on one CPU, then delegated on the other, which returns first."""
    writer = Writer()
    writer.call("RMM_BOOT_COMPLETE", state=State.REALM)
    alone(writer, DELEGATE)
    first = writer.call(UNDELEGATE, RAM, cpu=1)
    second = writer.call(DELEGATE, RAM, cpu=0)
    writer.back(second, 0, cpu=0)
    writer.back(first, 0, cpu=1)
    alone(writer, DELEGATE, INPUT)
    assert judged(writer) == []


@pytest.mark.parametrize("name", OVERLAPS)
def test_an_order_is_found_when_the_realm_shows_which_it_was(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Recorded races in which the first order that fits is not the one that was."""
    assert main(["judge", "--rules", "model-verdict", str(RECORDED / f"{name}.tap.gz")]) == 0
    assert "no violations" in capsys.readouterr().out
