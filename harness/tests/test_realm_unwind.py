# SPDX-License-Identifier: BSD-3-Clause
"""Where a step fails and cleaning up after it fails as well, the first is what is told."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from harness.errors import LinkError
from harness.link import Reply, Ticket
from harness.link.protocol import OP_IRQ_ACK, OP_IRQ_PENDING, OP_SGI, OP_TIMER, STATUS_OK
from harness.realm import NormalWorld, PayloadImage, Realm, RealmConfig, start_realm
from harness.realm.state import running
from harness.rmi import CommandFailed
from harness.tests.fake_host import INPUT, FakeHost, Words, new_world
from harness.types import GRANULE_BYTES, Ipa, Pa

PAGE = GRANULE_BYTES
CONFIG = RealmConfig(ipa_width=32, num_bps=5, num_wps=3)
IMAGE = PayloadImage(Ipa(0), b"", Ipa(PAGE), Ipa(0), Ipa(0))


class Host(FakeHost):
    """Takes interrupts too; no granule comes back while ``keeps``."""

    def __init__(self) -> None:
        super().__init__()
        self.keeps = False
        self.interrupts: list[int] = []
        self.broken = False
        self.answers |= {
            "RMI_REC_AUX_COUNT": lambda _rd: (0, 0),
            "RMI_RTT_READ_ENTRY": lambda _rd, _ipa, level: (0, level),
            "RMI_RTT_INIT_RIPAS": lambda _rd, _base, top: (0, top),
        }

    def start(
        self,
        op: int,
        args: tuple[int, ...] = (),
        pe: int = 0,
        data: bytes = b"",
        answer_bytes: int = 0,
    ) -> Ticket:
        if op not in (OP_SGI, OP_TIMER, OP_IRQ_ACK, OP_IRQ_PENDING):
            return super().start(op, args, pe, data, answer_bytes)
        if self.broken:
            raise LinkError("the PE is busy")
        self.interrupts.append(op)
        ticket = Ticket(pe, op, args)
        self._finish(ticket, Reply(STATUS_OK, (1,) * 8))
        return ticket

    def _default(self, name: str, *args: int) -> Words:
        if name == "RMI_GRANULE_UNDELEGATE" and self.keeps:
            return INPUT
        return super()._default(name, *args)


@pytest.fixture
def host() -> Host:
    return Host()


@pytest.fixture
def world(host: Host) -> NormalWorld:
    return new_world(host)


@pytest.fixture
def realm(world: NormalWorld) -> Realm:
    return Realm.create(world, CONFIG)


def refuse(host: Host, command: str) -> None:
    host.answers[command] = [INPUT]
    host.keeps = True


def test_delegation_that_is_refused(host: Host, world: NormalWorld) -> None:
    host.delegated.add(0x8000_0000 + PAGE)
    host.keeps = True
    with pytest.raises(CommandFailed, match="seen RMI_GRANULE_DELEGATE"):
        world.delegated(3)


@pytest.mark.parametrize(
    ("command", "step"),
    [
        ("RMI_RTT_CREATE", lambda realm: realm.tables.create(0, 3)),
        ("RMI_DATA_CREATE_UNKNOWN", lambda realm: realm.map_unknown(0)),
        ("RMI_DATA_CREATE_UNKNOWN", lambda realm: realm.map_block(0)),
        ("RMI_REC_CREATE", lambda realm: realm.add_rec()),
    ],
)
def test_step_that_is_refused(
    host: Host, realm: Realm, command: str, step: Callable[[Realm], object]
) -> None:
    refuse(host, command)
    with pytest.raises(CommandFailed, match=command):
        step(realm)


@pytest.mark.parametrize("command", ["RMI_REC_CREATE", "RMI_REALM_ACTIVATE"])
def test_realm_that_can_neither_be_started_nor_destroyed(
    host: Host, world: NormalWorld, command: str
) -> None:
    host.answers |= {command: [INPUT], "RMI_REALM_DESTROY": [INPUT], "RMI_RTT_DESTROY": [INPUT]}
    with pytest.raises(CommandFailed, match=command):
        start_realm(world, IMAGE, CONFIG)


def test_tables_that_cannot_be_taken_down(host: Host, realm: Realm) -> None:
    host.answers["RMI_RTT_DESTROY"] = [(0, 0x8000_0000, 1 << 30), INPUT]
    host.keeps = True
    with pytest.raises(CommandFailed, match="RMI_RTT_DESTROY"):
        realm.tables.tear_down()


def test_second_try_to_destroy_goes_on_where_the_first_stopped(host: Host, realm: Realm) -> None:
    first, second = realm.add_rec(), realm.add_rec()
    host.answers["RMI_REC_DESTROY"] = [(0,), INPUT]
    host.answers["RMI_RTT_DESTROY"] = lambda *_: (4 | 2 << 8, 0, 1 << 32)
    with pytest.raises(CommandFailed, match="RMI_REC_DESTROY"):
        realm.destroy()
    realm.destroy()
    assert host.asked_of("RMI_REC_DESTROY") == [(first.pa,), (second.pa,), (second.pa,)]
    assert not host.delegated


def fail(host: Host, *, broken: bool = False) -> None:
    host.broken = broken
    raise AssertionError("what the test found")


def test_rec_does_not_run_on_after_a_failure(host: Host, realm: Realm) -> None:
    """Its end is what lets the realm be destroyed."""
    host.answers["RMI_RTT_SET_RIPAS"] = [(3,)]
    with pytest.raises(AssertionError, match="what the test found"), running(realm, pe=1):
        fail(host)
    assert host.interrupts == [OP_SGI, OP_IRQ_ACK]


def test_rec_that_cannot_be_ended_after_a_failure(host: Host, realm: Realm) -> None:
    host.answers["RMI_RTT_SET_RIPAS"] = [(3,)]
    with pytest.raises(AssertionError, match="what the test found"), running(realm, pe=1):
        fail(host, broken=True)


def test_timer_that_cannot_be_disarmed_after_a_failure(host: Host, world: NormalWorld) -> None:
    with pytest.raises(AssertionError, match="what the test found"), world.interrupt_pending():
        fail(host, broken=True)
    host.broken = False
    with pytest.raises(LinkError, match="busy"), world.interrupt_pending():
        host.broken = True


def test_granules_that_cannot_be_given_back(host: Host, world: NormalWorld) -> None:
    host.keeps = True
    with pytest.raises(CommandFailed, match="no"), world.lending(Pa(0x8000_0000)):
        raise CommandFailed("no")
