# SPDX-License-Identifier: BSD-3-Clause
"""The features of KVM's realm support, row by row, as the tap sees one realm's life.

Each row is asked of KVM (kvmtool or QEMU on a host that has realms) and, where the tap alone
can tell, of ``realm-run`` too: the same obligations hold for every host. One life of a
launcher serves all rows. What the launcher's life cannot show has its own test, named here.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from harness.host import Host
from harness.launch.abilities import HostAbilities
from harness.launch.config import MIB, RealmConfig
from harness.launch.realm_run_output import Told
from harness.plugin.launching import Launch
from harness.tap import Call, Event, Return, State

pytestmark = [pytest.mark.linux, pytest.mark.realm]

END_S = 120.0
GUEST_KERNEL, GUEST_INITRD = "/usr/share/cca/guest/Image", "/usr/share/cca/guest/initrd"
KVM_LAUNCHERS = ("kvmtool", "qemu")


@dataclass(frozen=True)
class Life:
    """What the tap saw of one launch, from before it to after its end."""

    events: tuple[Event, ...]
    told: Told
    log: str

    def done(self, name: str) -> list[Return]:
        """Returns of a command that succeeded."""
        return [back for back in self.returns(name) if back.ok]

    def returns(self, name: str) -> list[Return]:
        """All returns of a command."""
        return [e for e in self.events if isinstance(e, Return) and e.name == name]

    def realm_calls(self, name: str) -> list[Call]:
        """Calls that the realm itself made."""
        calls = (e for e in self.events if isinstance(e, Call) and e.name == name)
        return [call for call in calls if call.state is State.REALM and call.level < 2]

    @property
    def activated(self) -> int:
        """When the realm was activated."""
        [back] = self.done("RMI_REALM_ACTIVATE")
        return back.seq


def arg(back: Return, name: str) -> int:
    """An input of the call that returned."""
    value = back.call.args[name] if back.call else None
    assert isinstance(value, int)
    return value


def answers_are_known(life: Life) -> None:
    """Every status is one of the table's, successes have no index."""
    backs = [e for e in life.events if isinstance(e, Return) and e.family == "RMI"]
    assert backs
    assert [str(b) for b in backs if "STATUS_" in b.status.name] == []


def version_comes_first(life: Life) -> None:
    """A realm is made only by who knows the RMM's version."""
    assert life.log == "" or "Unsupported RMI ABI" not in life.log
    assert life.done("RMI_REALM_CREATE")


def everything_is_given_back(life: Life) -> None:
    """RECs, tables, RD in that order; as many granules back as were given."""
    [destroyed] = life.done("RMI_REALM_DESTROY")
    before = life.done("RMI_REC_DESTROY") + life.done("RMI_RTT_DESTROY")
    assert before
    assert max(back.seq for back in before) < destroyed.seq
    given = {arg(back, "addr") for back in life.done("RMI_GRANULE_DELEGATE")}
    returned = {arg(back, "addr") for back in life.done("RMI_GRANULE_UNDELEGATE")}
    assert given == returned


def activation_is_once(life: Life) -> None:
    """RIPAS and RECs first, then one activation, then the first entry."""
    assert len(life.returns("RMI_REALM_ACTIVATE")) == 1
    earlier = life.done("RMI_RTT_INIT_RIPAS") + life.done("RMI_REC_CREATE")
    assert max(back.seq for back in earlier) < life.activated
    assert min(b.call.seq for b in life.returns("RMI_REC_ENTER") if b.call) > life.activated


def recs_match_vcpus(life: Life) -> None:
    """As many as were asked for, each once, after the number of auxiliary granules was asked."""
    recs = life.done("RMI_REC_CREATE")
    assert recs
    assert len({arg(back, "rec") for back in recs}) == len(recs)
    assert min(b.seq for b in life.done("RMI_REC_AUX_COUNT")) < recs[0].seq
    if life.told.recs:
        assert [rec.mpidr for rec in life.told.recs] == list(range(len(recs)))


def interrupts_arrive(life: Life) -> None:
    """A timer's interrupt is taken inside."""
    results = [done.result for done in life.told.done if done.command.startswith("timer")]
    assert results
    assert all(result.startswith("1 taken, the last is 27") for result in results)


def entries_succeed(life: Life) -> None:
    """Each REC is entered and comes out with a reason, none is refused."""
    entries = life.returns("RMI_REC_ENTER")
    assert entries
    assert all(back.ok for back in entries)


def ripas_changes_are_answered(life: Life) -> None:
    """The realm asked, the host changed, later than the activation."""
    assert life.realm_calls("RSI_IPA_STATE_SET")
    changed = life.done("RMI_RTT_SET_RIPAS")
    assert changed
    assert min(back.seq for back in changed) > life.activated


def devices_are_emulated(life: Life) -> None:
    """The realm's console came out by MMIO."""
    assert any(mmio.is_write for mmio in life.told.mmio)
    assert life.told.console.strip()


def contents_are_measured_before_activation(life: Life) -> None:
    """Initial contents by RMI_DATA_CREATE, none of it after the activation."""
    created = life.done("RMI_DATA_CREATE")
    assert created
    assert max(back.seq for back in created) < life.activated


def memory_is_ram_from_the_start(life: Life) -> None:
    """The RIPAS of all memory is set before the activation, without gaps."""
    spans = sorted((arg(b, "base"), arg(b, "top")) for b in life.done("RMI_RTT_INIT_RIPAS"))
    assert spans
    assert all(top > base for base, top in spans)


def descriptor_is_delegated_first(life: Life) -> None:
    """RD before creation, back after destruction."""
    [created] = life.done("RMI_REALM_CREATE")
    [destroyed] = life.done("RMI_REALM_DESTROY")
    rd = arg(created, "rd")
    given = [b.seq for b in life.done("RMI_GRANULE_DELEGATE") if arg(b, "addr") == rd]
    back = [b.seq for b in life.done("RMI_GRANULE_UNDELEGATE") if arg(b, "addr") == rd]
    assert given
    assert given[0] < created.seq
    assert back
    assert back[-1] > destroyed.seq


def faults_map_granules(life: Life) -> None:
    """Each page is mapped once at a time; tables are made one level at a time, to level 3."""
    mapped = life.done("RMI_DATA_CREATE_UNKNOWN")
    assert mapped
    assert any(back.seq > life.activated for back in mapped)
    assert {arg(back, "level") for back in life.done("RMI_RTT_CREATE")} <= {1, 2, 3}


def no_rec_is_on_two_pes(life: Life) -> None:
    """The spans of entry of one REC do not overlap."""
    for rec in {arg(back, "rec") for back in life.returns("RMI_REC_ENTER")}:
        spans = sorted(
            (back.call.seq, back.seq)
            for back in life.returns("RMI_REC_ENTER")
            if back.call and arg(back, "rec") == rec
        )
        pairs = itertools.pairwise(spans)
        assert all(end < begin for (_, end), (begin, _) in pairs)


def psci_is_completed(life: Life) -> None:
    """CPU_ON of the realm is answered by RMI_PSCI_COMPLETE."""
    assert life.realm_calls("PSCI_CPU_ON")
    completed = life.returns("RMI_PSCI_COMPLETE")
    assert completed
    assert all(back.ok for back in completed)


def host_calls_go_both_ways(life: Life) -> None:
    """The realm's RSI_HOST_CALL ends in the host and comes back."""
    assert life.realm_calls("RSI_HOST_CALL")
    assert all(done.result for done in life.told.done)


Check = Callable[[Life], None]


@dataclass(frozen=True)
class Row:
    """One feature. ``check`` judges a life; without one ``why`` says what else it takes.

    ``kvm_only`` rows mean nothing for other hosts; ``by_payload`` ones need the payload's
    reports.
    """

    number: str
    feature: str
    check: Check | None = None
    why: str = ""
    kvm_only: bool = False
    by_payload: bool = False


ROWS = (
    Row("03", "granule protection faults", why="a host program that touches guest_memfd memory"),
    Row("04-05", "SMC definitions", why="testcases/linux/test_layout_kernel.py"),
    Row("06", "call wrappers", answers_are_known),
    Row("07", "RMI detected at KVM init", version_comes_first, kvm_only=True),
    Row("08", "granule size of RMI 2.0", why="an RMM of RMI 2.0"),
    Row("09", "LPA2", why="an RMM with LPA2 and a host with more than 48 bits of IPA"),
    Row("10", "GPT entries for all host memory", why="testcases/granules (delegation of any page)"),
    Row("11", "user ABI", why="testcases/linux/test_kvm_probe.py"),
    Row("12", "realm infrastructure", why="test_several_realms_run_at_once"),
    Row("13", "hidden capabilities", why="testcases/linux/test_kvm_probe.py"),
    Row("14", "machine type at VM creation", why="testcases/linux/test_kvm_probe.py"),
    Row("15", "RTT tear-down", everything_is_given_back),
    Row("16", "activation at first run", activation_is_once),
    Row("17", "RECs match vCPUs", recs_match_vcpus),
    Row("18", "VGIC", interrupts_arrive, by_payload=True),
    Row("19", "timers", interrupts_arrive, by_payload=True),
    Row("20", "enter and exit", entries_succeed),
    Row("21", "RIPAS change", ripas_changes_are_answered),
    Row("22", "MMIO emulation", devices_are_emulated, by_payload=True),
    Row("23", "private memory", why="a host program that maps guest_memfd memory"),
    Row("24", "initial contents", contents_are_measured_before_activation),
    Row("25", "RIPAS of initial memslots", memory_is_ram_from_the_start),
    Row("26", "realm descriptor", descriptor_is_delegated_first),
    Row("27", "runtime faulting", faults_map_granules),
    Row("28", "vCPU load", no_rec_is_on_two_pes),
    Row("29", "register access", why="a host program that uses KVM_SET_ONE_REG"),
    Row("30", "PSCI", psci_is_completed),
    Row("31", "no injected UNDEF", entries_succeed, kvm_only=True),
    Row("32", "stolen time hidden", why="testcases/linux/test_kvm_probe.py"),
    Row("33", "aborts by user space", why="a VMM that injects an abort after an MMIO exit"),
    Row("34", "host call", host_calls_go_both_ways, by_payload=True),
    Row("35-42-43", "SVE", why="an RMM that offers SVE to realms of the host"),
    Row("36", "4K realms on larger pages", why="a host kernel with pages of 16K or 64K"),
    Row("37", "no device mappings", faults_map_granules, kvm_only=True),
    Row("38-41", "PMU", why="an emulated PMU that counts in realms"),
    Row("39-40", "breakpoints and watchpoints", why="a VMM that sets their number"),
    Row("44-45", "register lists", why="a host program that uses KVM_GET_REG_LIST"),
    Row("46-47", "realms enabled", activation_is_once, kvm_only=True),
    Row("48", "stateful operations", why="an RMM of RMI 2.0"),
)

LIVES: dict[str, Life] = {}
"""One life of each launcher, for all rows of a session."""


def live(request: pytest.FixtureRequest, launcher: str, config: RealmConfig) -> Life:
    """The life of a launcher; the host boots for the first row only."""
    if launcher not in LIVES:
        launch: Launch = request.getfixturevalue("launch")
        host: Host = request.getfixturevalue("host")
        request.getfixturevalue("host_tap")
        realm = launch(launcher, config)
        assert realm.finish(END_S).clean
        log = host.shell.run("dmesg | grep -E 'RMI|RMM'").output
        LIVES[launcher] = Life(tuple(realm.events()), realm.told(), log)
    return LIVES[launcher]


def require_guest(host: Host) -> None:
    """Skip where there is no Linux that could run in a realm."""
    if not host.shell.run(f"[ -r {GUEST_KERNEL} ] && [ -r {GUEST_INITRD} ]").ok:
        pytest.skip(f"not on this host: no {GUEST_KERNEL} and {GUEST_INITRD} (docs/your-stack.md)")


@pytest.mark.requires("launcher-realm-run")
@pytest.mark.parametrize(
    "row", [row for row in ROWS if row.check and not row.kvm_only], ids=lambda row: row.number
)
def test_kvm_row_holds_for_realm_run(request: pytest.FixtureRequest, row: Row) -> None:
    """What KVM must do of a feature, the project's own host does: seen by the tap."""
    assert row.check is not None
    config = RealmConfig(recs=2, memory_bytes=16 * MIB, trace=True)
    row.check(live(request, "realm-run", config))


@pytest.mark.requires("kvm-realms")
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.number)
def test_kvm_row(request: pytest.FixtureRequest, abilities: HostAbilities, row: Row) -> None:
    """A feature of KVM's series, shown by a Linux guest that kvmtool or QEMU launched."""
    if row.check is None or row.by_payload:
        pytest.skip(f"{row.feature}: it takes {row.why or 'a guest that reports it'}")
    found = [name for name in KVM_LAUNCHERS if not abilities.lacks(name)]
    if not found:
        pytest.skip(f"not on this host: {abilities.lacks(KVM_LAUNCHERS[0])}")
    if found[0] not in LIVES:
        require_guest(request.getfixturevalue("host"))
    config = RealmConfig(
        kernel=GUEST_KERNEL, initrd=GUEST_INITRD, recs=2, memory_bytes=256 * MIB, trace=True
    )
    row.check(live(request, found[0], config))
