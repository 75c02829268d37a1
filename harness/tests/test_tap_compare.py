# SPDX-License-Identifier: BSD-3-Clause
"""The comparison of the tap's list with the harness's own finds each kind of difference."""

from __future__ import annotations

from harness.tap import CallBook, Comparison, State, assemble, compare
from harness.tests.tap_files import Writer, fid

DELEGATE = fid("RMI_GRANULE_DELEGATE")
ON = fid("PSCI_CPU_ON")
OK = (0,) * 8


class Both:
    """A tap file and a book that are filled side by side."""

    def __init__(self) -> None:
        self.writer = Writer()
        self.book = CallBook()

    def seen(self, number: int, *args: int, x0: int = 0, pe: int = 0) -> None:
        self.writer.back(self.writer.call(number, *args, cpu=pe), x0, cpu=pe)

    def made(self, number: int, *args: int, x0: int = 0, pe: int = 0) -> None:
        self.book.smc(pe, (number, *args), (x0, *OK[1:]))

    def both(self, number: int, *args: int, x0: int = 0, pe: int = 0) -> None:
        self.seen(number, *args, x0=x0, pe=pe)
        self.made(number, *args, x0=x0, pe=pe)

    def compare(self) -> Comparison:
        return compare(self.book, assemble(self.writer.records))


def test_the_same_calls() -> None:
    both = Both()
    for pe in (0, 1, 0):
        both.both(DELEGATE, 0x1000 * pe, pe=pe)
    assert both.compare() == Comparison(3, 0, ())
    assert str(both.compare()) == "3 calls are the same, 0 were the monitor's own"


def test_negative_arguments_are_words() -> None:
    both = Both()
    both.seen(DELEGATE, (1 << 64) - 1)
    both.made(DELEGATE, -1)
    assert both.compare().ok


def test_the_order_of_different_pes_does_not_matter() -> None:
    both = Both()
    both.seen(DELEGATE, 1, pe=1)
    both.seen(DELEGATE, 2, pe=0)
    both.made(DELEGATE, 2, pe=0)
    both.made(DELEGATE, 1, pe=1)
    assert both.compare().same == 2


def test_a_call_that_the_tap_missed() -> None:
    both = Both()
    both.both(DELEGATE, 1)
    both.made(DELEGATE, 2)
    [problem] = both.compare().problems
    assert problem.startswith("the tap did not see PE 0: 0xc4000151 0x2 ")


def test_a_call_that_the_harness_did_not_make() -> None:
    both = Both()
    both.seen(DELEGATE, 1)
    both.both(DELEGATE, 2)
    result = both.compare()
    assert (result.same, len(result.problems)) == (1, 1)
    assert "the tap saw PE 0: 0xc4000151 0x1" in result.problems[0]
    assert "1 differences:" in str(result)


def test_another_result() -> None:
    both = Both()
    both.seen(DELEGATE, 1, x0=1)
    both.made(DELEGATE, 1, x0=0)
    assert len(both.compare().problems) == 2


def test_another_order() -> None:
    both = Both()
    both.seen(DELEGATE, 1)
    both.seen(DELEGATE, 2)
    both.made(DELEGATE, 2)
    both.made(DELEGATE, 1)
    assert not both.compare().ok


def test_the_monitor_switches_pes_on_by_itself() -> None:
    both = Both()
    both.seen(ON, 1)
    both.both(DELEGATE, 1)
    assert both.compare() == Comparison(1, 1, ())


def test_a_program_explains_as_many_calls_as_it_had_steps() -> None:
    both = Both()
    both.seen(DELEGATE, 1)
    both.seen(DELEGATE, 2)
    both.book.program(0, 2)
    both.both(DELEGATE, 3)
    assert both.compare() == Comparison(1, 2, ())
    both.seen(DELEGATE, 4)
    assert len(both.compare().problems) == 1


def test_a_program_explains_nothing_before_it() -> None:
    both = Both()
    both.seen(DELEGATE, 1)
    both.both(DELEGATE, 2)
    both.book.program(0, 2)
    assert len(both.compare().problems) == 1


def test_a_call_that_ended_in_an_abort_has_no_results() -> None:
    both = Both()
    both.writer.call(DELEGATE, 1)
    both.book.smc(0, (DELEGATE, 1), None)
    assert both.compare().ok


def test_a_call_under_way_is_no_difference() -> None:
    both = Both()
    both.both(DELEGATE, 1)
    both.writer.call(DELEGATE, 2)
    assert both.compare() == Comparison(1, 1, ())


def test_others_than_the_host_are_not_compared() -> None:
    both = Both()
    both.writer.call("RSI_VERSION", state=State.REALM, level=1, rec=1)
    both.writer.call("PSCI_VERSION", level=1)
    assert both.compare() == Comparison(0, 0, ())


def test_a_loss_is_a_difference() -> None:
    both = Both()
    both.writer.call("RSI_VERSION", state=State.REALM)
    both.writer.lose(2)
    assert both.compare().problems == ("#4 2 records were lost here",)


def test_a_new_comparison_begins_empty() -> None:
    both = Both()
    both.made(DELEGATE, 1)
    both.book.program(0, 3)
    both.book.clear()
    assert both.compare() == Comparison(0, 0, ())
