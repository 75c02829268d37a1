# SPDX-License-Identifier: BSD-3-Clause
"""Power of realms on the Linux host: PSCI between RECs, power off, reset."""

from __future__ import annotations

import pytest

from harness.abi import tables
from harness.launch.realm_run_output import Psci
from harness.plugin.launching import Launch
from harness.tap import Tap

pytestmark = [pytest.mark.linux, pytest.mark.realm, pytest.mark.requires("launcher-realm-run")]

END_S = 60.0
CPU_ON = tables().command("PSCI_CPU_ON").fid
RESET = 4
ALREADY_ON, INVALID_PARAMETERS = -4, -2
ON, OFF = "0", "1"


def signed(text: str) -> int:
    """x0 of a PSCI call, a signed word."""
    value = int(text.removeprefix("x0 "), 0) & 0xFFFFFFFF
    return value - (1 << 32) if value >> 31 else value


def test_psci_switches_recs_on_and_off(launch: Launch, host_tap: Tap) -> None:
    """CPU_ON starts a REC where it was told to, AFFINITY_INFO follows its state (KVM 30)."""
    script = "affinity 1; cpu-on 1; 1: hello; affinity 1; 1: cpu-off; wait-off 1; affinity 1"
    realm = launch(recs=2, script=script, trace=True)
    assert realm.finish(END_S).clean
    told = realm.told()
    results = [done.result for done in told.done]
    assert (results[0], results[3], results[6]) == (OFF, ON, OFF)
    assert told.done[2].rec == 1
    assert told.done[2].result.startswith("mpidr 0x80000001")
    assert Psci(0, "CPU_ON", 1) in told.psci
    assert Psci(1, "CPU_OFF", None) in told.psci
    assert all(back.ok for back in host_tap.returns("RMI_PSCI_COMPLETE"))


def test_psci_refuses_what_cannot_be(launch: Launch) -> None:
    """A REC that is on and one that there is not: the RMM says so (KVM 30)."""
    script = f"cpu-on 1; 1: hello; call {CPU_ON:#x} 1 0x10000 0; call {CPU_ON:#x} 9 0x10000 0"
    realm = launch(recs=2, script=script)
    assert realm.finish(END_S).clean
    done = realm.told().done
    assert signed(done[2].result.split(",")[0]) == ALREADY_ON
    assert signed(done[3].result.split(",")[0]) == INVALID_PARAMETERS


def test_realm_switches_itself_off(launch: Launch, host_tap: Tap) -> None:
    """SYSTEM_OFF ends the run; everything is given back by the VMM itself (KVM 15, 30)."""
    realm = launch(recs=2, script="cpu-on 1; 1: hello; 1: off")
    ended = realm.finish(END_S)
    assert ended.status == 0
    assert realm.told().end == "switched off"
    [destroyed] = host_tap.returns("RMI_REALM_DESTROY")
    assert destroyed.ok


@pytest.mark.usefixtures("host_tap")
def test_realm_that_resets_itself_is_launched_anew(launch: Launch) -> None:
    """SYSTEM_RESET ends the realm with a status of its own; the next launch works (KVM 30)."""
    realm = launch(script="reset", trace=True)
    assert realm.wait(END_S).status == RESET
    assert realm.told().psci[-1] == Psci(0, "SYSTEM_RESET", None)
    again = launch(script="hello")
    assert again.finish(END_S).clean
    again.evidence().require()
