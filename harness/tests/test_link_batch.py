# SPDX-License-Identifier: BSD-3-Clause
"""Several SMCs as one request of the mailbox: encoding, results, booking."""

from __future__ import annotations

import itertools

import pytest

from harness.abi import codec, tables
from harness.errors import LinkError
from harness.link.batch import BATCH_BYTES, BATCH_CALLS, batch_program
from harness.realm import GranulePool
from harness.tests.fake_host import FakeHost
from harness.types import GRANULE_BYTES, Pa

AREA = Pa(0x8000_0000)


def test_a_batch_is_a_program_of_single_steps() -> None:
    made = batch_program(AREA, [(7, 1, -1), (8,)], stop_at_failure=True)
    program = made.encode()
    header, step = codec("MonitorProgram"), codec("MonitorStep")
    at, size = header.layout.size, step.layout.size
    fields = header.unpack(program[:at])
    assert (fields["step_count"], fields["repeat"], fields["flags"]) == (2, 1, 1)
    assert (fields["results"], fields["results_max"]) == (made.results_at, 2)
    first, second = step.unpack(program[at : at + size]), step.unpack(program[at + size :])
    assert (first["fid"], first["args"]) == (7, (1, (1 << 64) - 1, 0, 0, 0, 0, 0))
    assert (first["strides"], first["kind"], second["fid"]) == ((0,) * 7, 0, 8)


def test_the_longest_batch_fits_its_area() -> None:
    calls = [(1,)] * BATCH_CALLS
    assert (
        len(batch_program(AREA, calls, stop_at_failure=False).encode()) + 64 * BATCH_CALLS
        == BATCH_BYTES
    )


@pytest.mark.parametrize("call", [(), tuple(range(9))])
def test_a_call_has_one_to_eight_registers(call: tuple[int, ...]) -> None:
    with pytest.raises(LinkError, match=f"seven more registers, not {len(call)} words"):
        batch_program(AREA, [call], stop_at_failure=False)


def test_other_links_make_the_calls_one_by_one() -> None:
    host = FakeHost({"RMI_VERSION": [(0,), (1,), (0,)]})
    version = tables().command("RMI_VERSION").fid
    done = host.smc_each([(version, n) for n in range(3)], stop_at_failure=True)
    assert [x0 for x0, *_ in done] == [0, 1]
    assert [call[1] for call in host.asked] == [0, 1]


def test_reserved_memory_is_never_handed_out() -> None:
    pool = GranulePool(AREA, 4 * GRANULE_BYTES)
    reserved = pool.reserve(GRANULE_BYTES + 1)
    assert reserved == AREA + 2 * GRANULE_BYTES
    assert {pool.take() for _ in itertools.repeat(None, 6)} == {AREA, AREA + GRANULE_BYTES}
