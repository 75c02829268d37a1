# SPDX-License-Identifier: BSD-3-Clause
"""What realm-run told (recorded from a run, abridged), taken apart."""

from __future__ import annotations

import pytest

from harness.launch.realm_run_output import (
    Done,
    Fault,
    Mmio,
    NewRec,
    Psci,
    RipasChange,
    read_told,
)
from harness.types import Ipa

RECORDED = """\
realm-run: stage: delegate
realm-run: realm created: rd 0x44e00000, 40 bits of IPA, 2 root tables of level 1
realm-run: rec 0 created: mpidr 0, 2 auxiliary granules, entry 0x10000
realm-run: rec 1 created: mpidr 0x1, 2 auxiliary granules, entry 0x10000
realm-run: stage: rec
realm-run: realm activated
realm-run: rec 0: fault of protected memory at 0x1d000: page mapped
realm-run: rec 0: host call 0xcca
realm-run: rec 0: hello -> mpidr 0x80000000, start value 0
realm-run: rec 0: RIPAS of 0x200000 to 0x204000 shall be EMPTY: done
realm-run: rec 0: ripas ram+0x200000 0x4000 empty -> done
realm-run: rec 0: fault of unprotected memory at 0x8000300000: page mapped
realm-run: rec 0: MMIO write of 1 bytes at 0x8009000000: 0x68
hrealm-run: rec 0: host call 0xcca
realm-run: rec 0: MMIO write of 1 bytes at 0x8009000000: 0x69
irealm-run: rec 0: MMIO write of 1 bytes at 0x8009000000: 0xa

realm-run: rec 0: puts hi -> done
realm-run: rec 0: MMIO read of 4 bytes at 0x8009000018: 0x90
realm-run: rec 0: PSCI CPU_ON of rec 1
realm-run: rec 1: 1: hello -> mpidr 0x80000001, start value 0x1
realm-run: rec 0: PSCI SYSTEM_OFF
realm-run: realm destroyed
realm-run: end: switched off
"""


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_everything_that_was_told_is_there(line_end: str) -> None:
    told = read_told(RECORDED.replace("\n", line_end))
    assert told.stages == ("delegate", "rec")
    assert told.recs == (NewRec(0, 0, 2), NewRec(1, 1, 2))
    assert told.done[0] == Done(0, "hello", "mpidr 0x80000000, start value 0")
    assert told.done[-1] == Done(1, "1: hello", "mpidr 0x80000001, start value 0x1")
    assert told.result("puts hi") == "done"
    assert told.ripas == (RipasChange(0, Ipa(0x200000), Ipa(0x204000), "EMPTY", "done"),)
    assert told.faults == (
        Fault(0, is_protected=True, ipa=Ipa(0x1D000)),
        Fault(0, is_protected=False, ipa=Ipa(0x8000300000)),
    )
    assert told.mmio[0] == Mmio(0, is_write=True, width_bytes=1, ipa=Ipa(0x8009000000), value=0x68)
    assert told.mmio[-1] == Mmio(
        0, is_write=False, width_bytes=4, ipa=Ipa(0x8009000018), value=0x90
    )
    assert told.psci == (Psci(0, "CPU_ON", 1), Psci(0, "SYSTEM_OFF", None))
    assert told.end == "switched off"
    assert told.lines[-2] == "realm destroyed"


def test_console_is_what_the_realm_wrote_between_the_lines() -> None:
    assert read_told(RECORDED).console == "hi\n"


def test_command_that_was_not_done_has_no_result() -> None:
    with pytest.raises(KeyError):
        read_told(RECORDED).result("rim")
