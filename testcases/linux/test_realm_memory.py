# SPDX-License-Identifier: BSD-3-Clause
"""Memory of realms on the Linux host: RIPAS changes, faults at run time, sharing, devices."""

from __future__ import annotations

import pytest

from harness.launch.config import MIB
from harness.launch.realm_run_output import Mmio
from harness.plugin.launching import Launch
from harness.tap import Tap, Where
from harness.types import GRANULE_BYTES, Ipa

pytestmark = [pytest.mark.linux, pytest.mark.realm, pytest.mark.requires("launcher-realm-run")]

END_S = 60.0
REJECTED = 3
"""Exit status of realm-run: a command of the script failed."""


def test_realm_gives_memory_back_and_takes_it_again(launch: Launch, host_tap: Tap) -> None:
    """RAM → EMPTY → RAM by the realm itself; what it wrote before is gone (KVM 21)."""
    script = (
        "write ram+0x200000 0xdead; ripas ram+0x200000 0x4000 empty; ripas-of ram+0x200000;"
        "! read ram+0x200000; ripas ram+0x200000 0x4000 ram; ripas-of ram+0x200000;"
        "read ram+0x200000"
    )
    realm = launch(script=script, trace=True)
    assert realm.finish(END_S).clean
    realm.evidence().require()
    told = realm.told()
    assert [(c.base, c.top, c.ripas) for c in told.ripas] == [
        (0x200000, 0x204000, "EMPTY"),
        (0x200000, 0x204000, "RAM"),
    ]
    results = [done.result for done in told.done]
    assert (results[2], results[5], results[6]) == ("EMPTY", "RAM", "0")
    assert results[3].startswith("exception, ")
    assert len(host_tap.returns(Where(name="RMI_RTT_SET_RIPAS", status="RMI_SUCCESS"))) >= 2


def test_host_may_reject_a_ripas_change(launch: Launch, host_tap: Tap) -> None:
    """A change to RAM that the host refuses: the realm learns so by the response (KVM 21)."""
    beyond = f"ram+{16 * MIB:#x}"
    script = f"ripas-of {beyond}; ripas {beyond} 0x1000 ram"
    realm = launch(memory_bytes=16 * MIB, script=script, extra=("--reject-ripas",))
    assert realm.wait(END_S).status == REJECTED
    assert [done.result for done in realm.told().done] == ["EMPTY", "result 0, response 0x1"]
    assert not host_tap.returns(Where(name="RMI_RTT_SET_RIPAS", status="RMI_SUCCESS"))


def test_memory_comes_when_it_is_first_touched(launch: Launch, host_tap: Tap) -> None:
    """Each first touch faults once, is mapped once, and reads zero (KVM 27)."""
    first, pages = 0x400000, 8
    script = f"touch ram+{first:#x} {pages} {GRANULE_BYTES}; sum ram+{first:#x} {pages * 4096}"
    realm = launch(script=script, trace=True)
    assert realm.finish(END_S).clean
    told = realm.told()
    here = [f.ipa for f in told.faults if f.is_protected and f.ipa >= first]
    assert here == [first + n * GRANULE_BYTES for n in range(pages)]
    assert told.done[1].result == "0"
    mapped = host_tap.returns(Where(name="RMI_DATA_CREATE_UNKNOWN", status="RMI_SUCCESS"))
    assert len(mapped) == len([f for f in told.faults if f.is_protected])


def test_shared_memory_is_seen_by_both_and_taken_back(launch: Launch) -> None:
    """Through the unprotected alias realm and host see each other's words; RAM stays private."""
    script = (
        "write ram+0x300000 0x5ec2e7; write shared+0x300000 0xcafe; host-read shared+0x300000;"
        "host-write shared+0x300008 0xf00d; read shared+0x300008; read ram+0x300000"
    )
    realm = launch(script=script, trace=True)
    assert realm.finish(END_S).clean
    results = [done.result for done in realm.told().done]
    assert results[2:6] == ["0xcafe", "0xf00d", "0xf00d", "0x5ec2e7"]
    shared = [f.ipa for f in realm.told().faults if not f.is_protected]
    assert len(shared) == 1


def test_mmio_reaches_the_device_and_comes_back(launch: Launch) -> None:
    """Accesses to a device end in the host; where there is none, an abort comes (KVM 22)."""
    realm = launch(script="puts ok; read uart+0x18 4; ! read uart+0x10000", trace=True)
    assert realm.finish(END_S).clean
    told = realm.told()
    assert told.console == "ok\n"
    base = told.mmio[0].ipa
    assert told.mmio[0] == Mmio(0, is_write=True, width_bytes=1, ipa=base, value=ord("o"))
    assert told.mmio[-1].ipa == Ipa(base + 0x18)
    assert not told.mmio[-1].is_write
    assert int(told.done[1].result, 0) == told.mmio[-1].value
    assert told.done[2].result.startswith("exception, ")


def test_realm_with_all_its_memory_from_the_start_never_faults(launch: Launch) -> None:
    """Memory that was there before the first entry is not asked for again (KVM 24, 27)."""
    script = "touch ram+0x100000 16 0x10000"
    realm = launch(memory_bytes=4 * MIB, script=script, trace=True, extra=("--populate",))
    assert realm.finish(END_S).clean
    assert [f for f in realm.told().faults if f.is_protected] == []
