# SPDX-License-Identifier: BSD-3-Clause
"""The granule pool and the ledger: nothing handed out twice, nothing forgotten."""

from __future__ import annotations

import pytest

from harness.abi import tables
from harness.errors import HarnessError
from harness.realm import GranulePool, Ledger, Span
from harness.types import GRANULE_BYTES, Pa

BASE = Pa(0x8000_0000)
PAGE = GRANULE_BYTES


def pool(granules: int, base: Pa = BASE) -> GranulePool:
    return GranulePool(base, granules * PAGE)


def test_granules_come_in_order_and_start_over_at_the_end() -> None:
    ring = pool(4)
    assert [ring.take() for _ in range(5)] == [*range(BASE, BASE + 4 * PAGE, PAGE), BASE]


def test_run_that_does_not_fit_at_the_end_starts_over() -> None:
    ring = pool(4)
    ring.take(3)
    assert ring.take(2) == BASE
    assert ring.take() == BASE + 2 * PAGE


def test_alignment() -> None:
    ring = pool(16)
    ring.take()
    assert ring.take(2, align_bytes=4 * PAGE) == BASE + 4 * PAGE
    assert ring.take() == BASE + 6 * PAGE


@pytest.mark.parametrize(
    ("ring", "count", "align_bytes"),
    [
        (pool(4), 5, PAGE),
        # Aligned, the run would lie behind the pool's end, wherever it starts.
        (pool(3, Pa(0x1000)), 2, 4 * PAGE),
    ],
)
def test_no_place(ring: GranulePool, count: int, align_bytes: int) -> None:
    with pytest.raises(HarnessError, match=f"{count} granules, aligned to .* of a pool of 0x"):
        ring.take(count, align_bytes=align_bytes)
    assert ring.taken() == []


def test_what_was_taken_is_joined() -> None:
    ring = pool(16)
    ring.take()
    ring.take(2)
    ring.take(align_bytes=8 * PAGE)
    ring.take()
    assert ring.taken() == [Span(BASE, 3 * PAGE), Span(Pa(BASE + 8 * PAGE), 2 * PAGE)]
    assert ring.taken()[0].granules == 3


def test_overlapping_spans_are_joined_after_the_ring_came_round() -> None:
    ring = pool(4)
    ring.take(3)
    ring.take(2)
    assert ring.taken() == [Span(BASE, 3 * PAGE)]


def test_new_test_forgets_what_was_taken_and_begins_at_the_base() -> None:
    ring = pool(4)
    ring.take()
    ring.begin()
    assert ring.taken() == []
    assert ring.take() == BASE


class Books:
    """A ledger, and calls told to it by their names."""

    def __init__(self) -> None:
        self.ledger = Ledger()

    def call(self, name: str, *args: int, x0: int = 0) -> None:
        fid = tables().command(name).fid
        self.ledger.observe((fid, *args), (x0, *[0] * 7))

    def leaks(self) -> list[str]:
        return [str(leak) for leak in self.ledger.leaks()]


@pytest.fixture
def books() -> Books:
    return Books()


def test_delegation_stays_open_until_it_is_undone(books: Books) -> None:
    books.call("RMI_VERSION", 0x1_0000)
    books.call("RMI_GRANULE_DELEGATE", 0x9000)
    books.call("RMI_GRANULE_DELEGATE", 0x5000)
    assert books.ledger.is_delegated(Pa(0x9000))
    assert books.leaks() == [
        "0x9000 delegated by call #2, last used as DELEGATED",
        "0x5000 delegated by call #3, last used as DELEGATED",
    ]
    books.call("RMI_GRANULE_UNDELEGATE", 0x9000)
    assert not books.ledger.is_delegated(0x9000)
    assert books.leaks() == ["0x5000 delegated by call #3, last used as DELEGATED"]
    assert books.ledger.returned() == [Pa(0x9000)]


@pytest.mark.parametrize(
    ("command", "args", "use"),
    [
        ("RMI_REALM_CREATE", (0x5000, 0x1), "RD"),
        ("RMI_REC_CREATE", (0x1, 0x5000, 0x2), "REC"),
        ("RMI_RTT_CREATE", (0x1, 0x5000, 0x2, 3), "RTT"),
        ("RMI_DATA_CREATE", (0x1, 0x5000, 0x2, 0x3, 1), "DATA"),
        ("RMI_DATA_CREATE_UNKNOWN", (0x1, 0x5000, 0x2), "DATA"),
    ],
)
def test_leak_says_what_the_granule_was_used_for(
    books: Books, command: str, args: tuple[int, ...], use: str
) -> None:
    books.call("RMI_GRANULE_DELEGATE", 0x5000)
    books.call(command, *args)
    assert books.leaks() == [f"0x5000 delegated by call #1, last used as {use}"]


@pytest.mark.parametrize("x0", [1, 0x304, (1 << 64) - 1, 1 << 32])
def test_failed_calls_are_counted_and_not_believed(books: Books, x0: int) -> None:
    books.call("RMI_GRANULE_DELEGATE", 0x9000, x0=x0)
    assert books.leaks() == []
    books.call("RMI_GRANULE_DELEGATE", 0x9000)
    books.call("RMI_DATA_CREATE_UNKNOWN", 0x1, 0x9000, 0x2, x0=x0)
    books.call("RMI_GRANULE_UNDELEGATE", 0x9000, x0=x0)
    assert books.leaks() == ["0x9000 delegated by call #2, last used as DELEGATED"]
    assert books.ledger.returned() == []


def test_use_of_a_granule_that_is_not_in_the_books(books: Books) -> None:
    books.call("RMI_REALM_CREATE", 0x5000, 0x1)
    assert books.leaks() == []


def test_arguments_left_out_are_zero(books: Books) -> None:
    books.call("RMI_GRANULE_DELEGATE")
    books.call("SMCCC_VERSION")
    assert books.leaks() == ["0x0 delegated by call #1, last used as DELEGATED"]


def test_new_test_keeps_what_is_open(books: Books) -> None:
    books.call("RMI_GRANULE_DELEGATE", 0x5000)
    books.call("RMI_GRANULE_DELEGATE", 0x9000)
    books.call("RMI_GRANULE_UNDELEGATE", 0x9000)
    books.ledger.begin()
    assert books.ledger.returned() == []
    assert books.ledger.calls == 0
    assert len(books.leaks()) == 1


def test_returned_granules_are_those_whose_contents_still_tell_something(books: Books) -> None:
    for address in (0x9000, 0x5000, 0x7000):
        books.call("RMI_GRANULE_DELEGATE", address)
        books.call("RMI_GRANULE_UNDELEGATE", address)
    books.call("RMI_GRANULE_DELEGATE", 0x5000)
    books.ledger.forget(Pa(0x7000))
    assert books.ledger.returned() == [Pa(0x9000)]
