# SPDX-License-Identifier: BSD-3-Clause
"""Realms launched on the Linux host: made in order, booted to their console, as asked for."""

from __future__ import annotations

import re

import pytest

from harness.abi import codec, tables
from harness.launch import HashAlgorithm
from harness.launch.config import MIB
from harness.launch.running import RealmFailed
from harness.plugin.launching import Launch
from harness.tap import Tap

pytestmark = [pytest.mark.linux, pytest.mark.realm, pytest.mark.requires("launcher-realm-run")]

END_S = 60.0
RSI_VERSION = tables().command("RSI_VERSION").fid
RSI_REALM_CONFIG = tables().command("RSI_REALM_CONFIG").fid
RSI_1_0 = 0x10000
CONFIG = codec("RsiRealmConfig")
REC_PARAMS = codec("RmiRecParams")
PLACE = r"0x[0-9a-f]+ realm: op_write\+0x[0-9a-f]+ op_memory\.c:\d+"


@pytest.mark.parametrize("recs", [1, 4, 16])
def test_recs_are_created_in_ascending_mpidr_order(
    launch: Launch, host_tap: Tap, recs: int
) -> None:
    """One REC a vCPU, ascending MPIDR, as many auxiliary granules as the RMM wants (KVM 17)."""
    realm = launch(recs=recs, script="hello", trace=True)
    assert realm.finish(END_S).clean
    [wanted] = {back.x[1] for back in host_tap.returns("RMI_REC_AUX_COUNT")}
    made = host_tap.returns("RMI_REC_CREATE")
    assert [back.ok for back in made] == [True] * recs
    told = realm.told().recs
    assert [rec.mpidr for rec in told] == list(range(min(recs, 16)))
    assert {rec.aux for rec in told} == {wanted}
    params = [back.call.structure for back in made if back.call and back.call.structure]
    assert all(p["num_aux"] == wanted for p in params)
    assert [p["mpidr"] for p in params] in ([], [rec.mpidr for rec in told])


@pytest.mark.usefixtures("host_tap")
def test_realm_boots_to_its_console(launch: Launch) -> None:
    """The guest writes on its console, and proves that it is a realm: RSI 1.0, RAM by RIPAS."""
    script = f"puts hello from inside; call {RSI_VERSION:#x} {RSI_1_0:#x}; ripas-of ram+0x10000"
    realm = launch(script=script)
    realm.expect("hello from inside", END_S)
    assert realm.finish(END_S).clean
    realm.evidence().require()
    told = realm.told()
    assert told.console == "hello from inside\n"
    status, lower, higher, _ = told.done[1].result.split(", ")
    assert (status, lower, higher) == ("x0 0", "x1 0x10000", "x2 0x10000")
    assert told.done[2].result == "RAM"


def test_realm_has_the_memory_that_was_asked_for(launch: Launch) -> None:
    """All of its memory is RAM and zero, what lies beyond is EMPTY and faults (KVM 25)."""
    size = 24 * MIB
    last, beyond = f"ram+{size - 4096:#x}", f"ram+{size:#x}"
    script = f"ripas-of {last}; read {last}; ripas-of {beyond}; ! read {beyond}"
    realm = launch(memory_bytes=size, script=script)
    assert realm.finish(END_S).clean
    results = [done.result for done in realm.told().done[:3]]
    assert results == ["RAM", "0", "EMPTY"]
    assert realm.told().done[3].result.startswith("exception, ")


@pytest.mark.parametrize("algorithm", HashAlgorithm)
def test_realm_is_measured_as_was_asked_for(launch: Launch, algorithm: HashAlgorithm) -> None:
    """The realm finds the hash algorithm and the RPV of its launch by RSI_REALM_CONFIG."""
    page = 0x300000
    at = f"ram+{page + CONFIG.offset('hash_algo'):#x}"
    rpv = f"ram+{page + CONFIG.offset('rpv'):#x}"
    script = f"rim; call {RSI_REALM_CONFIG:#x} ram+{page:#x}; read {at} 1; read {rpv}"
    realm = launch(hash_algorithm=algorithm, rpv=bytes(range(1, 65)), script=script)
    assert realm.finish(END_S).clean
    rim, config, chosen, value = (done.result for done in realm.told().done[:4])
    bits = 256 if algorithm is HashAlgorithm.SHA_256 else 512
    assert len(rim) * 4 == bits
    assert config.startswith("x0 0, ")
    number = tables().enum("RmiHashAlgorithm")[f"SHA_{bits}"]
    assert (int(chosen, 0), int(value, 0)) == (number, 0x0807060504030201)


def test_same_launch_has_the_same_measurement(launch: Launch) -> None:
    """RIM depends on what was launched: equal for equal launches, other for another payload."""
    measured = []
    for memory in (16 * MIB, 16 * MIB, 32 * MIB):
        realm = launch(memory_bytes=memory, script="rim")
        realm.finish(END_S)
        measured.append(realm.told().result("rim"))
    assert measured[0] == measured[1] != measured[2]


def test_realm_does_what_the_script_says(launch: Launch) -> None:
    """The commands run in their order on the RECs that they name."""
    script = "write ram+0x100000 0x1234; read ram+0x100000; cpu-on 1; 1: read ram+0x100000"
    realm = launch(recs=2, script=script)
    assert realm.finish(END_S).clean
    told = realm.told()
    assert [(done.rec, done.result) for done in told.done] == [
        (0, "done"),
        (0, "0x1234"),
        (0, "0"),
        (1, "0x1234"),
        (0, "done"),
    ]


def test_exception_that_ends_a_realm_has_its_place(launch: Launch) -> None:
    """Error and evidence name the payload's instruction, although BL1 has the same addresses."""
    realm = launch(script="hello; write ram+0x7f000000 1; hello")
    with pytest.raises(RealmFailed, match=rf"exception, esr .*\n(.*\n)*in the realm: {PLACE}$"):
        realm.finish(END_S)
    [named] = realm.evidence().names
    assert re.fullmatch(PLACE, named)


def test_realm_run_traces_what_happens(launch: Launch) -> None:
    """With ``trace`` every stage of creation and every exit is told, in order."""
    realm = launch(script="puts x", trace=True)
    assert realm.finish(END_S).clean
    told = realm.told()
    stages = ("delegate", "realm", "rtt", "data", "rec", "activate", "enter")
    assert told.stages == stages
    assert [(m.width_bytes, m.value) for m in told.mmio] == [(1, ord("x")), (1, ord("\n"))]
    assert told.lines[-2:] == ("realm destroyed", "end: switched off")
