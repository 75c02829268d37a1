# SPDX-License-Identifier: BSD-3-Clause
"""The zoo's kinds and refusals, the drafts, and bringing realms into a state."""

from __future__ import annotations

import pytest

from harness.abi import codec, tables
from harness.errors import RealmError
from harness.link.protocol import GRANULE_PROTECTION_FAULT, Outcome
from harness.realm import Realm, RealmDraft, RecDraft
from harness.realm.state import advance
from harness.realm.zoo import KINDS, STATES, kinds_but, refusal
from harness.rmi import Fails
from harness.tests.fake_host import INPUT, Answer, FakeHost, Words, new_world

REC_AUX: dict[str, list[Words] | Answer] = {"RMI_REC_AUX_COUNT": lambda *_: (0, 2)}


def test_kinds_leave_out_the_wanted_one() -> None:
    assert set(kinds_but("rd")) == set(KINDS) - {"rd"}


@pytest.mark.parametrize(
    ("kind", "condition"),
    [
        ("misaligned", "rd_align"),
        ("device", "rd_bound"),
        ("beyond_dram", "rd_bound"),
        ("rmm", "rd_state"),
        ("data", "rd_state"),
    ],
)
def test_a_kind_is_refused_for_its_reason(kind: str, condition: str) -> None:
    assert refusal("rd", kind) == condition


@pytest.mark.parametrize("kind", kinds_but("undelegated"))
@pytest.mark.parametrize(
    ("command", "argument", "state"),
    [
        ("RMI_REALM_CREATE", "rd", "state"),
        ("RMI_REALM_CREATE", "params", "pas"),
        ("RMI_REC_CREATE", "params", "pas"),
        ("RMI_REC_ENTER", "rec", "gran_state"),
        ("RMI_REC_ENTER", "run", "pas"),
        ("RMI_DATA_CREATE", "src", "pas"),
        ("RMI_RTT_CREATE", "rtt", "state"),
    ],
)
def test_refusals_are_conditions_of_the_tables(
    command: str, argument: str, state: str, kind: str
) -> None:
    condition = refusal(argument, kind, state=state)
    assert tables().command(command).condition(condition).status == "RMI_ERROR_INPUT"


def test_states_are_those_of_a_granule() -> None:
    assert STATES[:2] == ("undelegated", "delegated")


def test_a_draft_writes_its_changes() -> None:
    draft = RealmDraft(new_world())
    page = draft.params(s2sz=31)
    params = codec("RmiRealmParams").unpack(draft.world.read(page, 4096))
    assert (params["s2sz"], params["rtt_base"]) == (31, draft.root)


def test_a_refused_draft_is_given_back() -> None:
    host = FakeHost({"RMI_REALM_CREATE": [INPUT]})
    draft = RealmDraft(new_world(host))
    assert draft.create(hash_algo=9) == Fails("params_valid")
    draft.give_back()
    assert not host.delegated
    assert not host.asked_of("RMI_REALM_DESTROY")


def test_a_created_draft_is_destroyed() -> None:
    host = FakeHost()
    draft = RealmDraft(new_world(host))
    assert draft.create().ok
    draft.give_back()
    assert host.asked_of("RMI_REALM_DESTROY") == [(draft.rd,)]
    assert not host.delegated


def test_a_rec_that_was_made_belongs_to_the_realm() -> None:
    host = FakeHost(REC_AUX)
    realm = Realm.create(new_world(host))
    draft = RecDraft(realm)
    assert draft.create().ok
    draft.give_back()
    assert [rec.pa for rec in realm.recs] == [draft.rec]
    assert draft.rec in host.delegated


def test_a_realm_that_does_not_switch_off_is_reported() -> None:
    host = FakeHost({**REC_AUX, "RMI_RTT_READ_ENTRY": lambda *_: (0, 3, 0, 0, 0)})
    with pytest.raises(RealmError, match="PSCI_SYSTEM_OFF"):
        advance(Realm.create(new_world(host)), "SYSTEM_OFF")


@pytest.mark.parametrize(
    ("status", "esr", "wanted"),
    [
        (1, 0x9600_0000 | GRANULE_PROTECTION_FAULT, True),
        (1, 0x9600_0007, False),
        (1, 0x9600_0023, False),
        (0, 0, False),
    ],
    ids=["gpf", "translation", "gpf-on-walk", "no-abort"],
)
def test_granule_faults_are_told_from_others(status: int, esr: int, *, wanted: bool) -> None:
    assert Outcome(status, 0, esr, 0, 0, 0).granule_fault is wanted
