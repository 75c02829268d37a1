# SPDX-License-Identifier: BSD-3-Clause
"""``/dev/rmi``: what it refuses, what it keeps apart, what it takes back at its end."""

from __future__ import annotations

import errno
import random
import struct
from collections.abc import Callable, Iterator
from typing import NamedTuple

import pytest

from harness.abi import tables
from harness.errors import LinkCannot, LinkError
from harness.host import Host, Level
from harness.link.devrmi import DevRmiLink
from harness.realm import Ledger, NormalWorld, Realm, RealmConfig
from harness.realm.device_pool import DevicePool
from harness.rmi import Fails, Succeeds
from harness.types import GRANULE_BYTES, Pa

pytestmark = [pytest.mark.linux, pytest.mark.requires("realms")]

IOCTLS = tables().enum("RmiDeviceIoctl")
MOST_GRANULES = tables().constants["RMI_DEVICE_MAX_GRANULES"]
DELEGATE = tables().command("RMI_GRANULE_DELEGATE").fid
KERNEL_PA = 0x6020_0000
NO_RMI_FID = 0xC400_0100
BLOCK_BYTES = 2 << 20
RAM = 0x4000_0000
COUNTERS = "cd /sys/class/misc/rmi; cat granules delegated realms recs lost files"


class Holder(NamedTuple):
    """A program on the host that has /dev/rmi open, and what it can do with it."""

    link: DevRmiLink
    world: NormalWorld


@pytest.fixture
def open_device(host: Host) -> Iterator[Callable[[], Holder]]:
    """Start programs that hold /dev/rmi; those that still live are ended."""
    made: list[DevRmiLink] = []

    def start() -> Holder:
        link = DevRmiLink(host.ssh.pipe("rmi-agent"), check=host.machine.check)
        made.append(link)
        link.hello()
        return Holder(link, NormalWorld(link, DevicePool(link), Ledger()))

    yield start
    for link in made:
        link.close()


def counters(host: Host) -> list[int]:
    """Granules, delegated ones, realms, RECs, lost granules, open files: all of the module's."""
    return [int(word) for word in host.shell.run(COUNTERS, check=True).output.split()]


def await_closed(host: Host) -> list[int]:
    """The counters, once nobody has the device open any more."""
    open_files = "$(cat /sys/class/misc/rmi/files)"
    wait = f"for n in $(seq 300); do [ {open_files} = 0 ] && break; usleep 50000; done"
    host.shell.run(wait, check=True)
    return counters(host)


def test_requests_without_sense_are_refused(open_device: Callable[[], Holder]) -> None:
    """Unknown requests, bad pointers, impossible sizes, SMCs that are no RMI commands: an errno."""
    link = open_device().link

    def status(op: str, *args: int) -> int:
        return link.ask(op, args, check=False).status

    assert status("IOCTL", 0x5299, 0) == errno.ENOTTY
    for request in IOCTLS.values():
        assert status("IOCTL", request, 0) == errno.EFAULT
        assert status("IOCTL", request, 0xFFFF_0000_0000_0000) == errno.EFAULT
    assert status("ALLOC", 0, 0) == errno.EINVAL
    assert status("ALLOC", MOST_GRANULES + 1, 0) == errno.EINVAL
    assert status("ALLOC", 1, 3 * GRANULE_BYTES) == errno.EINVAL
    assert status("FREE", 0x8000_0000, 1) == errno.ENOENT
    assert status("FREE", 0x8000_0001, 1) == errno.EINVAL
    for fid in (0, 0x8400_0008, NO_RMI_FID, tables().command("RSI_VERSION").fid):
        with pytest.raises(LinkCannot, match="does not know"):
            link.smc(fid)
    assert link.info()["granules"] == 0


def test_memory_of_others_cannot_be_named(open_device: Callable[[], Holder]) -> None:
    """Granules of the kernel or of another file are refused (EPERM) wherever an address can be."""
    one, other = open_device(), open_device()
    own, page = other.world.pool.take(), other.world.page()
    for foreign in (KERNEL_PA, one.world.pool.take(), one.world.delegated()):
        params = RealmConfig().params(features=other.world.features, vmid=1, rtt_base=Pa(foreign))
        other.world.write(page, params)
        for call in (
            (DELEGATE, foreign),
            (tables().command("RMI_REC_ENTER").fid, own, foreign),
            (tables().command("RMI_REALM_CREATE").fid, own, foreign),
            (tables().command("RMI_REALM_CREATE").fid, own, page),
            (tables().command("RMI_DATA_CREATE").fid, own, page, 0, foreign, 0),
        ):
            with pytest.raises(LinkCannot, match="host kernel's"):
                other.link.smc(*call)
        with pytest.raises(LinkError, match="No such device or address"):
            other.link.ask("READ", (foreign, 8))
    assert other.link.info()["realms"] == 0


def test_delegated_granule_is_out_of_reach(open_device: Callable[[], Holder]) -> None:
    """A mapping loses a granule when it is delegated, and has it again, wiped, afterwards."""
    link, world = open_device()
    base = world.page(b"\xa5" * 3 * GRANULE_BYTES, count=3)
    middle = Pa(base + GRANULE_BYTES)
    world.delegate(middle)
    assert link.withheld(base, 3) == (False, True, False)
    assert link.ask("READ", (middle, 8), check=False).status == errno.EFAULT
    assert link.ask("FILL", (middle, 8, 1), check=False).status == errno.EFAULT
    world.undelegate(middle)
    assert link.withheld(base, 3) == (False, False, False)
    assert world.read(middle, GRANULE_BYTES) == bytes(GRANULE_BYTES)
    assert world.read(base, 1) == b"\xa5"


def test_granules_in_use_cannot_be_freed(open_device: Callable[[], Holder]) -> None:
    """FREE fails as a whole (EBUSY) for a delegated granule, or a page that a realm may have."""
    link, world = open_device()
    base = link.alloc(4)
    world.delegate(base + GRANULE_BYTES)
    assert link.ask("FREE", (base, 4), check=False).status == errno.EBUSY
    world.undelegate(base + GRANULE_BYTES)
    realm = Realm.create(world)
    realm.tables.map_unprotected(realm.unprotected_base, base)
    assert link.ask("FREE", (base, 4), check=False).status == errno.EBUSY
    realm.destroy()
    assert link.ask("FREE", (base, 4)).status == 0


def test_call_is_made_on_the_cpu_that_is_named(
    host: Host, open_device: Callable[[], Holder]
) -> None:
    """PE n of the link is CPU n of the host; one that it does not have is refused."""
    link, world = open_device()
    assert link.pes == int(host.shell.run("nproc", check=True).output)
    granule = world.pool.take()
    assert world.rmi.on(1).granule_delegate(granule) == Succeeds()
    assert world.rmi.on(0).granule_delegate(granule) == Fails("gran_state")
    assert world.rmi.on(1).granule_undelegate(granule) == Succeeds()
    with pytest.raises(LinkCannot, match="no such CPU"):
        world.rmi.on(7).granule_delegate(granule)


def leave_everything(world: NormalWorld) -> None:
    """Bring granules to every state that there is, and blocks where they can be."""
    world.delegated(5)
    for _ in range(2):
        realm = Realm.create(world)
        realm.map_data(0x1000, b"content")
        realm.map_block(RAM)
        realm.map_unknown(RAM + BLOCK_BYTES)
        realm.share_page(realm.unprotected_base + 5 * GRANULE_BYTES)
        block = world.pool.take(BLOCK_BYTES // GRANULE_BYTES, align_bytes=BLOCK_BYTES)
        at = realm.unprotected_base + (1 << 30)
        realm.tables.ensure(at, 2)
        realm.tables.map_unprotected(at, block, 2)
        realm.add_rec()
        realm.add_rec(runnable=False)
    realm.activate()


def test_killed_holder_leaves_nothing(host: Host, open_device: Callable[[], Holder]) -> None:
    """RECs, data, blocks, tables, realms and granules are taken back when the holder is killed."""
    holder = open_device()
    leave_everything(holder.world)
    granules, delegated, realms, recs, lost, files = counters(host)
    assert (realms, recs, lost, files) == (2, 4, 0, 1)
    assert granules > delegated > 2 * BLOCK_BYTES // GRANULE_BYTES
    holder.link.close()
    assert await_closed(host) == [0] * 6
    assert not [
        line for line in host.kernel_log(Level.WARNING) if "rmi: the RMM keeps" in line.text
    ]


def test_module_can_be_taken_out_and_put_in_again(
    host: Host, open_device: Callable[[], Holder]
) -> None:
    """rmmod is refused while the device is open, and works when it is not."""
    holder = open_device()
    assert not host.shell.run("rmmod rmi").ok
    holder.link.close()
    await_closed(host)
    host.shell.run("rmmod rmi && insmod /lib/modules/rmi.ko", check=True)
    assert open_device().world.rmi.features(0).ok


KILLS = """
n=0
while [ $n -lt {kills} ]; do
    realm-run --recs 2 --populate --mem 4M --do "cpu-on 1; ripas 0x200000 0x100000 empty; \
write shared 1; 1: hello; spin 100000000000" >/tmp/run.log 2>&1 &
    usleep $(($(od -An -N2 -tu2 /dev/urandom) % 40 * {step_us}))
    kill -9 $! 2>/dev/null
    wait $! 2>/dev/null
    set -- $(cat /sys/class/misc/rmi/granules /sys/class/misc/rmi/delegated)
    [ "$1 $2" = "0 0" ] || echo "leak after kill $n: $1 granules, $2 delegated"
    tail -n 1 /tmp/run.log
    n=$((n+1))
done
"""


@pytest.mark.parametrize(
    "kills", [10, pytest.param(60, marks=pytest.mark.nightly)], ids=lambda kills: f"{kills}_kills"
)
def test_kill_at_a_random_moment_leaves_nothing(host: Host, kills: int) -> None:
    """realm-run is killed anywhere between its start and a running realm; a further one runs."""
    script = KILLS.format(kills=kills, step_us=random.randint(20, 40) * 1000)
    said = host.shell.run(script, timeout_s=20 * kills, check=True).output
    assert "leak" not in said
    assert counters(host) == [0] * 6
    last = host.shell.run("realm-run --do hello", timeout_s=60)
    assert (last.status, counters(host)) == (0, [0] * 6)


@pytest.mark.parametrize(
    "cycles",
    [5, pytest.param(200, marks=pytest.mark.nightly)],
    ids=lambda cycles: f"{cycles}_cycles",
)
def test_launches_and_ends_leave_nothing(host: Host, cycles: int) -> None:
    """Realms made and destroyed one after the other all work, and none leaves a trace."""
    script = f"for n in $(seq {cycles}); do realm-run --do hello 2>/dev/null || echo failed; done"
    assert host.shell.run(script, timeout_s=20 * cycles, check=True).output == ""
    assert counters(host) == [0] * 6


RANDOM_CALLS = 400
ROUNDS = 20
RMI_FIDS = [c.fid for c in tables().commands.values() if c.name.startswith("RMI_")]


def random_call(rng: random.Random, base: int) -> bytes:
    """A command with values of every kind, most of them granules that are ours."""
    values = [base + rng.randrange(64) * GRANULE_BYTES, rng.randrange(4), KERNEL_PA + 8]
    values += [rng.randrange(1 << 40) & -GRANULE_BYTES, rng.getrandbits(64)]
    args = rng.choices(values, [40, 10, 1, 10, 1], k=5)
    return struct.pack("<8Q", rng.choice(RMI_FIDS), *args, 0, 0)


@pytest.mark.slow
@pytest.mark.violates("last-level")
def test_random_calls_do_no_harm(host: Host, open_device: Callable[[], Holder]) -> None:
    """Whatever is asked of commands with own, foreign and senseless values can be taken back."""
    link, world = open_device()
    base = link.alloc(64)
    rng = random.Random(1)
    for _ in range(ROUNDS):
        calls = [random_call(rng, base) for _ in range(RANDOM_CALLS)]
        while calls:  # a call that the module refuses ends the request
            answer = link.ask("SMC", (0,), data=b"".join(calls), check=False, timeout_s=60)
            calls = calls[answer.value + 1 :]
    assert world.features
    link.close()
    assert await_closed(host) == [0] * 6
