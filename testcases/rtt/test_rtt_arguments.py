# SPDX-License-Identifier: BSD-3-Clause
"""What RTT commands refuse before they look at any table."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from harness.plugin.fixtures import MakeRealm
from harness.realm import Realm, Zoo, entry_bytes
from harness.realm.zoo import kinds_but, refusal
from harness.rmi import Fails, Result, Rmi
from harness.types import GRANULE_BYTES, MASK64, Pa

pytestmark = [pytest.mark.rmi, pytest.mark.requires("realms")]

OnTable = Callable[[Rmi, Pa, int, int], Result]
"""A command on (rd, ipa, level)."""

BELOW_ROOT: dict[str, OnTable] = {
    "RTT_DESTROY": lambda rmi, rd, ipa, level: rmi.rtt_destroy(rd, ipa, level),
    "RTT_FOLD": lambda rmi, rd, ipa, level: rmi.rtt_fold(rd, ipa, level),
}
"""Commands on a table at ``level``: ipa is aligned to the entry above it."""

COMMANDS = BELOW_ROOT | {
    "RTT_READ_ENTRY": lambda rmi, rd, ipa, level: rmi.rtt_read_entry(rd, ipa, level),
}
START_LEVELS = [(48, 0), (40, 1), (32, 2)]


@pytest.mark.parametrize("kind", kinds_but("rd"))
@pytest.mark.parametrize("command", COMMANDS)
def test_rd_must_be_an_rd(rmi: Rmi, zoo: Zoo, command: str, kind: str) -> None:
    """rd_align, rd_bound, rd_state (RTTD-01..08, RTTF-01..08, RTTR-01..08)."""
    result = COMMANDS[command](rmi, zoo.instead_of("rd", kind), 0, 3)
    assert result == Fails(refusal("rd", kind))
    assert result.x[1:5] == (0, 0, 0, 0)


@pytest.mark.parametrize("kind", kinds_but("rd"))
def test_rd_of_create_must_be_an_rd(rmi: Rmi, zoo: Zoo, kind: str) -> None:
    """RMI_RTT_CREATE, rd_align, rd_bound, rd_state (RTTC-01..08)."""
    result = rmi.rtt_create(zoo.instead_of("rd", kind), zoo["delegated"], 1 << 21, 3)
    assert result == Fails(refusal("rd", kind))


@pytest.mark.parametrize("kind", kinds_but("delegated"))
def test_rtt_of_create_must_be_a_delegated_granule(rmi: Rmi, zoo: Zoo, kind: str) -> None:
    """RMI_RTT_CREATE, rtt_align, rtt_bound, rtt_state (RTTC-13..20)."""
    rtt = zoo.instead_of("delegated", kind)
    assert rmi.rtt_create(zoo["rd"], rtt, 1 << 21, 3) == Fails(refusal("rtt", kind))


@pytest.mark.parametrize("level", [-1, 4, 5, 1 << 32, 1 << 63])
@pytest.mark.parametrize("command", COMMANDS)
def test_level_must_exist(realm: Realm, command: str, level: int) -> None:
    """level_bound (RTTD-09, RTTF-10, RTTR-09)."""
    result = COMMANDS[command](realm.rmi, realm.rd, 0, level & MASK64)
    assert result == Fails("level_bound")
    assert result.x[1:5] == (0, 0, 0, 0)


@pytest.mark.parametrize(("ipa_width", "start"), START_LEVELS)
@pytest.mark.parametrize("command", BELOW_ROOT)
def test_level_must_lie_below_the_start_level(
    make_realm: MakeRealm, command: str, ipa_width: int, start: int
) -> None:
    """level_bound: the root tables are not the host's to fold or destroy (RTTD-10, RTTF-09)."""
    realm = make_realm(ipa_width=ipa_width, start_level=start)
    for level in range(start + 1):
        assert BELOW_ROOT[command](realm.rmi, realm.rd, 0, level) == Fails("level_bound")


@pytest.mark.parametrize(("ipa_width", "start"), START_LEVELS[1:])
def test_nothing_can_be_read_above_the_start_level(
    make_realm: MakeRealm, ipa_width: int, start: int
) -> None:
    """RMI_RTT_READ_ENTRY, level_bound: there is no table above the root tables (RTTR-09)."""
    realm = make_realm(ipa_width=ipa_width, start_level=start)
    for level in range(start):
        assert realm.rmi.rtt_read_entry(realm.rd, 0, level) == Fails("level_bound")


@pytest.mark.parametrize("offset_bytes", [1, GRANULE_BYTES, 1 << 20])
@pytest.mark.parametrize("level", [2, 3])
@pytest.mark.parametrize("command", BELOW_ROOT)
def test_ipa_must_be_aligned_to_the_entry_above(
    realm: Realm, command: str, level: int, offset_bytes: int
) -> None:
    """ipa_align: to what the parent's entry maps (RTTD-11, RTTF-11)."""
    ipa = entry_bytes(level - 1) + offset_bytes
    assert BELOW_ROOT[command](realm.rmi, realm.rd, ipa, level) == Fails("ipa_align")


@pytest.mark.parametrize(("level", "offset_bytes"), [(1, 1 << 21), (2, 4096), (3, 1), (3, 0x800)])
def test_ipa_to_read_must_be_aligned_to_the_entry(
    realm: Realm, level: int, offset_bytes: int
) -> None:
    """RMI_RTT_READ_ENTRY, ipa_align (RTTR-10)."""
    assert realm.rmi.rtt_read_entry(realm.rd, offset_bytes, level) == Fails("ipa_align")


@pytest.mark.parametrize("where", ["first behind", "twice", "top"])
@pytest.mark.parametrize("level", [2, 3])
@pytest.mark.parametrize("command", COMMANDS)
def test_ipa_must_lie_in_the_ipa_space(realm: Realm, command: str, level: int, where: str) -> None:
    """ipa_bound, although no table is there either (RTTD-12, RTTF-12, RTTR-11)."""
    size = 1 << realm.config.ipa_width
    ipa = {"first behind": size, "twice": 2 * size, "top": (1 << 64) - entry_bytes(1)}[where]
    assert COMMANDS[command](realm.rmi, realm.rd, ipa, level) == Fails("ipa_bound")
