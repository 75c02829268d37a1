# SPDX-License-Identifier: BSD-3-Clause
"""Where a realm's program was: names out of the payload's ELF file, in reports of real faults."""

from __future__ import annotations

import re

import pytest

from harness.deadline import Deadline
from harness.machine import Machine
from harness.realm import GuestRealm, NormalWorld
from harness.types import Ipa

pytestmark = [pytest.mark.realm, pytest.mark.requires("realms")]

EMPTY = Ipa(1 << 30)
SHARED = Ipa(1 << 39)
TICKS_LONG = 1 << 40


@pytest.mark.parametrize(("op", "function"), [("READ", "op_read"), ("WRITE", "op_write")])
def test_failed_assertion_names_the_instruction_that_faulted(
    guest: GuestRealm, op: str, function: str
) -> None:
    """An access to EMPTY memory takes an exception in the realm; its ELR has function and line."""
    report = guest.guest.run(op, EMPTY, 8)
    with pytest.raises(AssertionError, match=rf"at {function}\+0x[0-9a-f]+ op_memory\.c:\d+\)"):
        assert report.ok


@pytest.mark.usefixtures("busy_boot_pe")
def test_report_names_what_a_pe_does_in_a_realm(
    guest: GuestRealm, ns: NormalWorld, machine: Machine
) -> None:
    """A PE that does not come back from a realm is shown where it is: EL1, by the payload's ELF."""
    if not machine.positions():
        pytest.skip("not on this machine: nobody can see where its PEs are")
    shared = guest.realm.share_page(SHARED)
    running = guest.guest.start("SPIN_UNTIL", SHARED, 1, TICKS_LONG)
    until, place = Deadline.after(20), f"PE {guest.guest.pe}: EL1 at 0x"
    seen: list[str] = []
    while not any(" realm: op_spin_until+0x" in line for line in seen) and not until.expired:
        seen = [line for line in machine.positions() if line.startswith(place)]
    ns.write(shared, (1).to_bytes(8, "little"))
    assert guest.guest.finish(guest.guest.collect(running)).value == 1
    [line] = seen
    assert re.search(r" realm: op_spin_until\+0x[0-9a-f]+ \w+\.[ch]:\d+$", line)
