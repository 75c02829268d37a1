# SPDX-License-Identifier: BSD-3-Clause
"""The tap on the real thing: who is seen, with what, in which state."""

from __future__ import annotations

import dataclasses
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.errors import LaunchError, MachineDied, ProvisionError
from harness.link import MailboxLink, Program, SerialLink, Step
from harness.machine import Machine, TapPlugin
from harness.machine.stuck import cpu_time_s
from harness.plugin.cores import allow
from harness.plugin.keeper import Running, boot_machine
from harness.plugin.tapping import TapDiffers
from harness.realm import PayloadImage, RealmConfig, start_realm
from harness.stack import BuiltStack, build_stack, build_tap, load_stack
from harness.tap import Call, Event, Lost, Recording, Return, State, Tap, TapTimeout, Where
from harness.tests.tap_files import fid
from harness.tests.waiting import PATIENCE_S
from harness.types import Pa

pytestmark = pytest.mark.qemu

GRANULE = Pa(0x8000_0000)
PROGRAM = Pa(0x9000_0000)
STACK = "embedded"


@pytest.fixture(scope="module")
def built() -> BuiltStack:
    try:
        return build_stack(load_stack(STACK))
    except ProvisionError as problem:
        pytest.skip(str(problem))


@pytest.fixture(scope="module")
def plugin(built: BuiltStack) -> TapPlugin:
    path = build_tap(load_stack(STACK))
    assert path is not None
    return TapPlugin(path, built.hash)


@pytest.fixture
def running(built: BuiltStack, plugin: TapPlugin, tmp_path: Path) -> Iterator[Running]:
    booted = boot_machine(built, tmp_path, "machine", "mailbox", tap=plugin, tap_check=True)
    yield booted
    booted.machine.stop(soft_s=0)


@pytest.fixture
def tap(running: Running) -> Tap:
    assert running.watch is not None
    running.watch.begin()
    return running.watch.tap


def seen_of(events: Iterator[Event]) -> list[tuple[str, str, State, int]]:
    """Kind, name, state and level of events."""
    return [
        (type(event).__name__, event.name, event.state, event.level)
        for event in events
        if not isinstance(event, Lost)
    ]


def test_one_call_from_the_host_to_el3_and_back(running: Running, tap: Tap) -> None:
    assert running.link.smc(fid("RMI_GRANULE_DELEGATE"), GRANULE)[0] == 0
    assert seen_of(tap.events()) == [
        ("Call", "RMI_GRANULE_DELEGATE", State.NON_SECURE, 2),
        ("Call", "RMM_GTSI_DELEGATE", State.REALM, 2),
        ("Return", "RMM_GTSI_DELEGATE", State.REALM, 2),
        ("Call", "RMM_RMI_REQ_COMPLETE", State.REALM, 2),
        ("Return", "RMI_GRANULE_DELEGATE", State.NON_SECURE, 2),
    ]
    [call] = tap.calls("RMI_*")
    assert call.args == {"addr": GRANULE}
    assert "smc_call" in running.machine.symbolise(call.pc)
    [done] = tap.returns("RMI_*")
    assert (done.ok, done.call == call) == (True, True)
    assert (done.duration_ns or 0) > 0


def test_the_boot_and_the_header(running: Running, built: BuiltStack) -> None:
    assert running.machine.tap_file is not None
    recording = Recording(running.machine.tap_file)
    header = recording.header()
    assert (header.stack_hash, header.cpus) == (built.hash, 2)
    assert (header.ram_base, header.ram_size) == (0x4000_0000, 3 << 30)
    assert (header.ended, header.lost) == (False, 0)
    first = next(iter(recording))
    assert isinstance(first, Call)
    assert (first.name, str(first.args["code"])) == ("RMM_BOOT_COMPLETE", "SUCCESS")


def test_the_comparison_holds_and_finds_a_call_that_was_left_out(
    running: Running, tap: Tap
) -> None:
    assert running.watch is not None
    for pe in (0, 1):
        running.link.smc(fid("RMI_VERSION"), 0x10000, pe=pe)
        running.link.smc(0xC400_0FFF, 1, pe=pe)
    steps = [Step(fid("RMI_GRANULE_DELEGATE"), (GRANULE,)), Step(fid("RMI_FEATURES"))]
    assert running.link.run_program(Program(steps, PROGRAM, repeat=3)).executed == 6
    result = running.watch.check()
    assert result is not None
    assert (result.same, result.own) == (4, 6)
    assert running.watch.book is not None
    del running.watch.book.made[0]
    with pytest.raises(TapDiffers, match="1 differences:\n  the tap saw PE 0: 0xc4000150 0x10000"):
        running.watch.check()
    assert tap.calls("SMC_C4000FFF")[0].command is None


def test_a_realm_from_birth_to_its_calls(running: Running, built: BuiltStack, tap: Tap) -> None:
    image = PayloadImage.load(built.images["realm"], built.elfs["realm"])
    guest = start_realm(running.world, image, RealmConfig())
    guest.guest.smc_in_realm(fid("RSI_VERSION"), 0x10000)
    create, enter = tap.calls("RMI_REALM_CREATE")[0], tap.calls("RMI_REC_ENTER")[0]
    assert create.structure is not None
    assert create.structure["rtt_base"] == guest.realm.root
    assert create.memory is not None
    assert len(create.memory.data) == 4096
    assert tap.calls("RMI_REC_CREATE")[0].structure is not None
    assert enter.structure is not None
    [version] = tap.returns("RSI_VERSION")[-1:]
    assert (version.state, version.level, version.rec) == (State.REALM, 1, guest.rec.pa)
    assert version.ok
    exits = [done.structure for done in tap.returns("RMI_REC_ENTER")]
    assert exits[-1] is not None
    assert exits[-1]["exit_reason"] == 5  # HOST_CALL: the payload's report


def test_a_rec_that_moves_takes_its_call_along(
    running: Running, built: BuiltStack, tap: Tap
) -> None:
    image = PayloadImage.load(built.images["realm"], built.elfs["realm"])
    guest = start_realm(running.world, image, RealmConfig())
    guest.guest.pe = 1
    guest.guest.hello()
    moved = [done for done in tap.returns("RSI_HOST_CALL") if done.cpu == 1]
    assert moved
    assert moved[0].call is not None
    assert moved[0].call.cpu == 0
    assert moved[0].rec == guest.rec.pa


def test_waiting_for_a_call_of_another_pe(running: Running, tap: Tap) -> None:
    pending = running.link.start_smc(fid("RMI_VERSION"), 0x10000, pe=1)
    assert tap.wait_for(Where(name="RMI_VERSION", cpu=1), PATIENCE_S).args["req"] == 0x10000
    assert tap.wait_for_return("RMI_VERSION", PATIENCE_S).ok
    pending.wait()
    with pytest.raises(TapTimeout, match="no call of RMI_REC_ENTER in"):
        tap.wait_for("RMI_REC_ENTER", 0.01)


def test_a_killed_qemu_leaves_what_it_had_recorded(running: Running, tap: Tap) -> None:
    running.link.smc(fid("RMI_VERSION"), 0x10000)
    os.kill(running.machine.pid, signal.SIGKILL)
    with pytest.raises(MachineDied):
        tap.wait_for("RMI_REC_ENTER", 3600)
    assert [done.name for done in tap.returns("RMI_*")] == ["RMI_VERSION"]
    assert not tap.header().ended


def test_a_qemu_that_ends_softly_says_so(running: Running, tap: Tap) -> None:
    running.machine.stop(soft_s=PATIENCE_S)
    assert tap.header().ended


def test_structures_are_copied_from_ram_without_a_file(
    built: BuiltStack, plugin: TapPlugin, tmp_path: Path
) -> None:
    params = bytes(range(64))
    with Machine.launch(built, tmp_path, shared_ram=False, tap=plugin) as machine:
        assert machine.tap_file is not None
        tap = Tap(machine.tap_file, machine.check)
        link = SerialLink(machine.consoles["ns"])
        link.hello()
        link.write(Pa(0x8000_0000), params)
        link.smc(fid("RMI_REALM_CREATE"), 0x8000_1000, 0x8000_0000)
        [call] = tap.calls("RMI_REALM_CREATE")
        header = tap.header()
    assert (header.ram_base, header.ram_size) == (0x4000_0000, 3 << 30)
    assert call.memory is not None
    assert call.memory.data[:64] == params


def test_instructions_are_counted_on_demand(
    built: BuiltStack, plugin: TapPlugin, tmp_path: Path
) -> None:
    counting = dataclasses.replace(plugin, instructions=True)
    running = boot_machine(built, tmp_path, "machine", "mailbox", tap=counting)
    try:
        assert running.watch is not None
        running.watch.begin()
        running.link.smc(fid("RMI_VERSION"), 0x10000)
        [done] = running.watch.tap.returns("RMI_VERSION")
    finally:
        running.machine.stop(soft_s=0)
    assert done.call is not None
    assert 100 < done.instructions - done.call.instructions < 100_000


def test_a_folder_with_commas_is_no_obstacle(
    built: BuiltStack, plugin: TapPlugin, tmp_path: Path
) -> None:
    with Machine.launch(built, tmp_path / "a,b=c", tap=plugin) as machine:
        assert machine.tap_file is not None
        assert Recording(machine.tap_file).header().cpus == 2


def test_qemu_tells_why_the_tap_refuses(
    built: BuiltStack, plugin: TapPlugin, tmp_path: Path
) -> None:
    wrong = dataclasses.replace(plugin, stack_hash="x" * 200)
    with pytest.raises(LaunchError, match=r"cca-tap: argument 'stack=x+' is not understood"):
        Machine.launch(built, tmp_path, tap=wrong)


_INSTALL = """
import ctypes, sys
class Info(ctypes.Structure):
    _fields_ = [("target", ctypes.c_char_p), ("min", ctypes.c_int), ("cur", ctypes.c_int),
                ("system", ctypes.c_bool), ("smp", ctypes.c_int), ("most", ctypes.c_int)]
plugin = ctypes.CDLL(sys.argv[1], mode=1)
info = Info(sys.argv[2].encode(), int(sys.argv[3]), int(sys.argv[4]), sys.argv[5] == "1", 2, 2)
plugin.qemu_plugin_install.argtypes = [ctypes.c_uint64, ctypes.c_void_p, ctypes.c_int,
                                       ctypes.c_void_p]
sys.exit(plugin.qemu_plugin_install(1, ctypes.byref(info), 0, None) & 0xFF)
"""


@pytest.mark.parametrize(
    ("info", "complaint"),
    [
        (("aarch64", 1, 3, 1), "plugin interface 3 (compatible down to 1), the tap speaks 4 and 7"),
        (("aarch64", 8, 9, 1), "plugin interface 9 (compatible down to 8), the tap speaks 4 and 7"),
        (("x86_64", 2, 4, 1), "the target is x86_64, the tap is for aarch64 machines"),
        (("aarch64", 2, 4, 0), "the target is aarch64, the tap is for aarch64 machines"),
        (("aarch64", 2, 5, 1), "argument out=FILE is missing"),
    ],
)
def test_other_emulators_are_refused(
    plugin: TapPlugin, info: tuple[str, int, int, int], complaint: str
) -> None:
    words = [sys.executable, "-c", _INSTALL, str(plugin.plugin), *map(str, info)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0xFF
    assert complaint in done.stderr


def test_events_of_a_whole_run_are_calls_and_returns_only(running: Running, tap: Tap) -> None:
    running.link.smc(fid("RMI_VERSION"), 0x10000)
    assert all(isinstance(event, Call | Return) for event in tap.events())


_BURN = "while True: pass"
_BURNT_S = 0.5


def test_a_pe_that_waits_leaves_its_core_to_others(
    built: BuiltStack, plugin: TapPlugin, tmp_path: Path
) -> None:
    """PE 1 is off: firmware has it wait by WFE, without an end."""
    quiet = dataclasses.replace(plugin, record=False)
    with Machine.launch(built, tmp_path, tap=quiet) as machine:
        assert machine.tap_file is None
        MailboxLink(machine, built.elfs["host"]).hello()
        core = {min(os.sched_getaffinity(0))}
        with subprocess.Popen([sys.executable, "-c", _BURN]) as burner:
            try:
                allow(machine.pid, core)
                allow(burner.pid, core)
                others, own = cpu_time_s(burner.pid), cpu_time_s(machine.pid)
                while cpu_time_s(burner.pid) < others + _BURNT_S:
                    time.sleep(0.02)
                machine.check()
                taken = cpu_time_s(machine.pid) - own
            finally:
                burner.kill()
    assert taken < _BURNT_S / 3
