# SPDX-License-Identifier: BSD-3-Clause
"""Realms that come, go, are killed and crowd the host: nothing of them stays behind."""

from __future__ import annotations

import random
import re

import pytest

from harness.host import Host
from harness.launch import RealmConfig, realm_run
from harness.launch.config import MIB
from harness.plugin.launching import Launch
from harness.tap import Tap, Where

pytestmark = [pytest.mark.linux, pytest.mark.realm, pytest.mark.requires("launcher-realm-run")]

END_S = 60.0
STAGES = ("delegate", "realm", "rtt", "data", "rec", "activate", "enter")
COUNTERS = ("delegated", "granules", "realms", "recs", "files", "lost")
USAGE, NO_DEVICE, NO_MEMORY = 64, 69, 71
CYCLES, KILLS = 200, 50

GROUP = "/sys/fs/cgroup/small"
SMALL_GROUP = (
    f"mount -t cgroup2 none /sys/fs/cgroup && mkdir {GROUP}"
    " && echo +memory > /sys/fs/cgroup/cgroup.subtree_control"
    f" && echo 24M > {GROUP}/memory.max"
)
JOIN_GROUP = f"echo $$ > {GROUP}/cgroup.procs"


def leftovers(host: Host) -> dict[str, int]:
    """What the module rmi still holds, and realm-run processes."""
    words = " ".join(f"/sys/class/misc/rmi/{name}" for name in COUNTERS)
    counts = host.shell.run(f"cat {words}; ps | grep -c '[r]ealm-run'").output.split()
    return dict(zip((*COUNTERS, "processes"), map(int, counts), strict=True))


NOTHING = dict.fromkeys((*COUNTERS, "processes"), 0)


def balance(tap: Tap) -> int:
    """Granules delegated and not given back, as the tap saw it."""
    given = tap.returns(Where(name="RMI_GRANULE_DELEGATE", status="RMI_SUCCESS"))
    back = tap.returns(Where(name="RMI_GRANULE_UNDELEGATE", status="RMI_SUCCESS"))
    return len(given) - len(back)


def test_vmm_killed_at_each_stage_leaves_nothing(host: Host, host_tap: Tap, launch: Launch) -> None:
    """kill -9 wherever creation stands: all is undelegated, and the next realm starts (KVM 15)."""
    seen = {}
    for stage in STAGES:
        realm = launch(recs=2, memory_bytes=2 * MIB, script="hello", extra=("--pause",))
        for passed in STAGES[: STAGES.index(stage)]:
            realm.expect(f"stage: {passed}\n", END_S)
            realm.send("\n")
        realm.expect(f"stage: {stage}\n", END_S)
        realm.close()
        seen[stage] = (leftovers(host), balance(host_tap))
    assert seen == dict.fromkeys(STAGES, (NOTHING, 0))
    again = launch(recs=2, script="hello; cpu-on 1; 1: hello")
    assert again.finish(END_S).clean
    again.evidence().require()


def many_lives(host: Host, tap: Tap, count: int) -> None:
    """Launch and destroy over and over in one loop on the host."""
    command = realm_run().shown(RealmConfig(memory_bytes=2 * MIB, script="hello"))
    loop = f"n=0; while [ $n -lt {count} ]; do {command} || exit; n=$((n+1)); done 2>&1 | tail -n 1"
    before = free_kib(host)
    done = host.shell.run(loop, timeout_s=20 + 3 * count, check=True)
    assert "end: switched off" in done.output
    assert len(tap.returns(Where(name="RMI_REALM_DESTROY", status="RMI_SUCCESS"))) == count
    assert leftovers(host) == NOTHING
    assert balance(tap) == 0
    assert before - free_kib(host) < 8 * 1024


def free_kib(host: Host) -> int:
    """Memory that the host has available."""
    text = host.shell.run("cat /proc/meminfo", check=True).output
    found = re.search(r"MemAvailable: +(\d+)", text)
    assert found is not None
    return int(found[1])


def test_realms_one_after_the_other_leave_nothing(host: Host, host_tap: Tap) -> None:
    """A dozen lives: no granule, no process, no memory is lost (KVM 15)."""
    many_lives(host, host_tap, 12)


@pytest.mark.nightly
def test_two_hundred_lives_leave_nothing(host: Host, host_tap: Tap) -> None:
    """200 launch and destroy cycles: no leaked granule, no leaked process, no WARN (KVM 15)."""
    many_lives(host, host_tap, CYCLES)


def kills(host: Host, tap: Tap, count: int, seed: int) -> None:
    """Kill realm-run at random moments of its life."""
    dice = random.Random(seed)
    script = "hello; cpu-on 1; 1: hello; touch ram+0x100000 64 0x1000; wait 300"
    config = RealmConfig(recs=2, memory_bytes=2 * MIB, script=script)
    command = realm_run().shown(config)
    delays = [dice.randrange(1000, 600_000) for _ in range(count)]
    life = f"{command} & p=$!; usleep $t; kill -9 $p; wait $p"
    loop = f"for t in {' '.join(map(str, delays))}; do {life}; done"
    host.shell.run(f"{loop} >/dev/null 2>&1", timeout_s=30 + 4 * count)
    assert leftovers(host) == NOTHING
    assert balance(tap) == 0
    again = realm_run().shown(RealmConfig(memory_bytes=2 * MIB, script="hello"))
    assert host.shell.run(again, timeout_s=END_S).ok


def test_vmm_killed_at_random_moments_leaves_nothing(host: Host, host_tap: Tap) -> None:
    """A few kills, at moments that the seed gives (KVM 15)."""
    kills(host, host_tap, 6, seed=1)


@pytest.mark.nightly
def test_fifty_kills_leave_nothing(host: Host, host_tap: Tap) -> None:
    """50 kills at random moments: no leaked granule, no leaked process, no WARN (KVM 15)."""
    kills(host, host_tap, KILLS, seed=2)


def test_several_realms_run_at_once(host_tap: Tap, launch: Launch) -> None:
    """Each has its own RD, memory and console; none sees another's words (KVM 12)."""
    count = 3
    realms = [
        launch(
            memory_bytes=2 * MIB,
            script=f"write ram+0x100000 {0x1000 + n}; wait 1500; read ram+0x100000; puts realm {n}",
        )
        for n in range(count)
    ]
    assert all(realm.finish(END_S).clean for realm in realms)
    told = [realm.told() for realm in realms]
    assert [t.done[2].result for t in told] == [f"{0x1000 + n:#x}" for n in range(count)]
    assert [t.console for t in told] == [f"realm {n}\n" for n in range(count)]
    created = host_tap.returns(Where(name="RMI_REALM_CREATE", status="RMI_SUCCESS"))
    assert len({back.call.x[1] for back in created if back.call}) == count
    first_end = min(back.seq for back in host_tap.returns("RMI_REALM_DESTROY"))
    assert max(back.seq for back in created) < first_end


@pytest.mark.usefixtures("host_tap")
def test_host_without_memory_refuses_and_recovers(host: Host, launch: Launch) -> None:
    """Too little memory on the host is an error of the launch, and of nothing else (KVM 27)."""
    host.shell.run(SMALL_GROUP, check=True)
    large = RealmConfig(memory_bytes=96 * MIB, script="hello", extra=("--populate",))
    refused = host.shell.run(f"{JOIN_GROUP}; exec {realm_run().shown(large)}", timeout_s=END_S)
    assert refused.status == NO_MEMORY
    assert "Cannot allocate memory" in refused.output
    assert leftovers(host) == NOTHING
    again = launch(memory_bytes=2 * MIB, script="hello")
    assert again.finish(END_S).clean
    again.evidence().require()


def test_invalid_options_are_refused_before_any_call(host: Host, host_tap: Tap) -> None:
    """Wrong usage says what is wrong, ends with its own status, and makes no RMI call."""
    wrong = {
        "--recs 0": "wanted a number from 1 to 16",
        "--recs 17": "wanted a number from 1 to 16",
        "--mem 1G": "wanted a number",
        "--mem 129M": "134217728 bytes at most",
        "--hash md5": "wanted sha256 or sha512",
        "--rpv 0g": "wanted up to 64 bytes",
        "--wings": "--wings",
        "stray": "stray: not an option",
    }
    made = len(host_tap.calls(Where(family="RMI")))
    for option, complaint in wrong.items():
        done = host.shell.run(f"realm-run {option}")
        assert done.status == USAGE, option
        assert complaint in done.output
    assert len(host_tap.calls(Where(family="RMI"))) == made


def test_host_without_the_module_says_so(host: Host) -> None:
    """Without /dev/rmi realm-run ends at once with a status of its own."""
    host.shell.run("rmmod rmi", check=True)
    done = host.shell.run("realm-run")
    assert done.status == NO_DEVICE
    assert "/dev/rmi: No such file or directory" in done.output
