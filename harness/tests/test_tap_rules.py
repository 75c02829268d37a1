# SPDX-License-Identifier: BSD-3-Clause
"""Each rule on recordings of real runs: one that keeps it, one that breaks it.

``scripts/record-rules`` makes the recordings: hosts are test cases (testcases/rules), RMMs
that break a rule have a fault planted in them.
"""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import pytest

from harness.cli.record_rules import BROKEN
from harness.errors import HarnessError
from harness.tap import Recording
from harness.tap.rules import RULES, Judge, Rule, Side, choose

RECORDINGS = Path(__file__).resolve().parent / "recordings"
KEPT = {
    "gpt-changed": "gpt_changed",
    "live-table": "live_table",
    "model-verdict": "model_verdict",
    "rec-runs-once": "one_pe_broken",
}
"""Recordings that keep a rule and are not named after it."""

SAYS = {
    "recs-ascending": r"REC 0 of realm 0x\w+ is next, MPIDR 0x1 is asked for",
    "recs-while-new": r"realm 0x\w+ was activated before this REC was created",
    "aux-count": r"3 auxiliary granules, the RMM wants 2",
    "rd-delegated-first": r"0x\w+ is not delegated",
    "failed-create-undelegates": r"0x\w+ is used again without having been undelegated",
    "roots-after-destroy": r"0x\w+ still is root table of realm 0x\w+",
    "missing-table": r"the same call again, without a table at level 2",
    "last-level": r"a table at level 4",
    "race-not-fatal": r"REC 0x\w+ is destroyed because a granule was delegated already",
    "ripas-answered": r"nothing was done about \[0x40000000, 0x40001000\), .* not rejected",
    "mmio-answered": r"the access to 0x8009000000 is just tried again",
    "mmio-only-after-abort": r"the last exit was no emulatable abort",
    "mmio-value": r"a read of 8 bits brings 0x1ff",
    "gic-hcr": r"gicv3_hcr 0x1 has bits 0x1",
    "one-pe": r"REC 0x\w+ is entered on two PEs",
    "psci-completed": r"REC 0x\w+ is entered before the CPU_ON for it is completed",
    "leaks": r"1 granules were not given back:\n0x\w+: delegated by call #\d+, used by nobody",
    "gpt-changed": r"RMM_GTSI_UNDELEGATE of 0x\w+ was not done",
    "rec-runs-once": r"REC 0x\w+ runs on CPUs \d and \d at once",
    "live-table": r"wanted: RMI_ERROR_RTT\[2\].* \[rtt_live\]",
    "model-verdict": r"call:   RMI_RTT_DESTROY[^$]*: not acceptable",
}
each_rule = pytest.mark.parametrize("rule", RULES, ids=[rule.name for rule in RULES])


def unpacked(name: str, folder: Path) -> Path:
    """A recording as QEMU wrote it."""
    path = folder / f"{name}.tap"
    path.write_bytes(gzip.decompress((RECORDINGS / f"{name}.tap.gz").read_bytes()))
    return path


def judged(name: str, folder: Path, *words: str) -> Judge:
    recording = Recording(unpacked(name, folder))
    judge = Judge(recording.header(), choose(words or ("host", "rmm")))
    for event in recording:
        judge.feed(event)
    judge.end()
    return judge


@each_rule
def test_a_run_that_keeps_it(rule: type[Rule], tmp_path: Path) -> None:
    name = KEPT.get(rule.name, rule.name.replace("-", "_") + "_kept")
    judge = judged(name, tmp_path)
    assert rule.name not in judge.tally.by_rule
    if rule.name not in KEPT:
        assert judge.violations == []
    assert judge.tally.replay.judged > 0


@each_rule
def test_a_run_that_breaks_it(rule: type[Rule], tmp_path: Path) -> None:
    judge = judged(rule.name.replace("-", "_") + "_broken", tmp_path, rule.name)
    found = judge.violations
    assert {(one.rule, one.side, one.source) for one in found} == {
        (rule.name, rule.side, rule.source)
    }
    assert re.search(SAYS[rule.name], found[0].explanation), found[0].explanation
    assert found[0].first > 0


def test_an_emulated_write_that_brings_a_value(tmp_path: Path) -> None:
    judge = judged("mmio_value_broken_by_a_write", tmp_path)
    assert [one.explanation for one in judge.violations] == ["a write of 8 bits brings 0x5a"]


@pytest.mark.parametrize(
    "rule", [r for r in RULES if r.side is Side.HOST], ids=lambda rule: str(rule.name)
)
def test_a_host_that_breaks_one_rule_breaks_no_other(rule: type[Rule], tmp_path: Path) -> None:
    judge = judged(rule.name.replace("-", "_") + "_broken", tmp_path)
    assert set(judge.tally.by_rule) == {rule.name}


@each_rule
def test_it_has_a_name_a_source_and_a_sentence(rule: type[Rule]) -> None:
    assert re.fullmatch(r"[a-z]+(-[a-z]+)+|leaks", rule.name)
    assert rule.source
    assert rule.says
    assert not rule.says.endswith(".")


def test_names_are_unique() -> None:
    assert len({rule.name for rule in RULES}) == len(RULES) == len(SAYS)


def test_rules_are_chosen_by_side_and_name() -> None:
    assert choose(["leaks", "rmm"]) == {"leaks"} | {r.name for r in RULES if r.side is Side.RMM}
    with pytest.raises(HarnessError, match="no rule is named hots"):
        choose(["hots"])


@each_rule
def test_it_is_documented(rule: type[Rule]) -> None:
    text = (Path(__file__).resolve().parents[2] / "docs" / "rules.md").read_text(encoding="utf-8")
    assert f"| `{rule.name}` | {rule.says} | {rule.source} |" in text


def test_every_rule_for_the_rmm_has_a_fault_and_a_test_case_that_shows_it() -> None:
    checkout = Path(__file__).resolve().parents[2]
    broken = {rule.name.replace("-", "_") for rule in RULES if rule.side is Side.RMM}
    assert set(BROKEN) == broken
    for one in BROKEN.values():
        file, case = one.case.split("::")
        assert f"def {case}(" in (checkout / "testcases" / "rules" / file).read_text()
        assert one.patch.is_file()
        assert one.recording == f"{case.removeprefix('test_')}.tap.gz"
