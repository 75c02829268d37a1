# SPDX-License-Identifier: BSD-3-Clause
"""What the realm finds in its memory, and memory that comes while it runs."""

from __future__ import annotations

import pytest

from harness.plugin.fixtures import MakeGuest
from harness.realm import DataAbort, InstructionAbort, a64, entry_bytes
from harness.types import GRANULE_BYTES, MASK64, Ipa

pytestmark = [pytest.mark.realm, pytest.mark.requires("realms")]

HEAP = Ipa(1 << 30)
BLOCK_BYTES = entry_bytes(2)
BIG_BYTES = entry_bytes(1)
RETURN_42 = a64.image(0xD2800540, a64.RET)
"""MOV X0, #42; RET."""


@pytest.mark.parametrize("measure", [True, False], ids=["measured", "unmeasured"])
def test_realm_reads_the_data_it_was_created_with(make_guest: MakeGuest, measure: bool) -> None:
    """RMI_DATA_CREATE copies the source page, measured or not."""
    guest = make_guest(activate=False)
    words = [n * 0x0123_4567_89AB_CDEF & MASK64 for n in range(512)]
    content = b"".join(word.to_bytes(8, "little") for word in words)
    guest.realm.map_data(HEAP, content, measure=measure)
    guest.start()
    assert guest.guest.run("SUM", HEAP, GRANULE_BYTES).value == sum(words) & MASK64
    assert guest.guest.read(HEAP + 8).value == words[1]


def test_source_page_is_copied_not_shared(make_guest: MakeGuest) -> None:
    """RMI_DATA_CREATE leaves the host's page to the host: later writes are not seen."""
    guest = make_guest(activate=False)
    realm, ns = guest.realm, guest.realm.world
    realm.tables.ensure(HEAP)
    src, data = ns.page(b"\x11" * GRANULE_BYTES), ns.delegated()
    realm.rmi.data_create(realm.rd, data, HEAP, src, 0).require()
    ns.write(src, b"\x22" * GRANULE_BYTES)
    guest.start()
    assert guest.guest.read(HEAP, 1).value == 0x11


def test_created_code_runs(make_guest: MakeGuest) -> None:
    """RMI_DATA_CREATE: the realm can fetch from the page."""
    guest = make_guest(activate=False)
    guest.realm.map_data(HEAP, RETURN_42)
    guest.start()
    assert guest.guest.run("FETCH", HEAP).value == 42


def test_unknown_page_reads_zero(make_guest: MakeGuest) -> None:
    """RMI_DATA_CREATE_UNKNOWN shows nothing of what the host had in the granule."""
    guest = make_guest(activate=False)
    realm, ns = guest.realm, guest.realm.world
    realm.init_ripas(HEAP, HEAP + GRANULE_BYTES)
    page = ns.page(b"\xa5" * GRANULE_BYTES)
    ns.rmi.granule_delegate(page).require()
    realm.rmi.data_create_unknown(realm.rd, page, HEAP).require()
    guest.start()
    assert guest.guest.run("SUM", HEAP, GRANULE_BYTES).value == 0


def test_missing_memory_comes_one_level_at_a_time(make_guest: MakeGuest) -> None:
    """The exit names the level where the walk ended; the host adds one table after the other."""
    guest = make_guest(activate=False)
    realm = guest.realm
    realm.rmi.rtt_init_ripas(realm.rd, HEAP, HEAP + BIG_BYTES).require()
    guest.start()
    seen = guest.guest.submit("READ", HEAP, 8)
    for level in (1, 2, 3):
        assert isinstance(seen, DataAbort)
        assert (seen.fault_level, seen.ipa) == (level, HEAP)
        if level < 3:
            realm.tables.create(HEAP, level + 1)
        else:
            realm.map_unknown(HEAP)
        seen = guest.guest.resume()
    assert guest.guest.finish(seen).value == 0


def test_fetch_from_missing_memory_goes_on_when_it_is_there(make_guest: MakeGuest) -> None:
    """An instruction abort is retried after the host mapped the page: zeros are UNDEFINED."""
    guest = make_guest(activate=False)
    guest.realm.init_ripas(HEAP, HEAP + GRANULE_BYTES)
    guest.start()
    assert isinstance(guest.guest.submit("FETCH", HEAP), InstructionAbort)
    guest.realm.map_unknown(HEAP)
    assert guest.guest.finish(guest.guest.resume()).is_undefined


def test_pages_come_in_the_order_of_access(make_guest: MakeGuest) -> None:
    """Demand paging: a walk over eight pages exits once for each."""
    pages = 8
    guest = make_guest(activate=False)
    guest.realm.init_ripas(HEAP, HEAP + pages * GRANULE_BYTES)
    guest.start()
    seen = guest.guest.submit("TOUCH", HEAP, pages, GRANULE_BYTES)
    for number in range(pages):
        assert isinstance(seen, DataAbort)
        assert seen.ipa == HEAP + number * GRANULE_BYTES
        guest.realm.map_unknown(seen.ipa)
        seen = guest.guest.resume()
    assert guest.guest.finish(seen).ok


def test_block_mapping_reaches_all_of_it(make_guest: MakeGuest) -> None:
    """RMI_RTT_FOLD of 512 adjacent pages keeps their contents readable and writable."""
    guest = make_guest(activate=False)
    guest.realm.init_ripas(HEAP, HEAP + BLOCK_BYTES)
    guest.realm.map_block(HEAP)
    guest.start()
    for at in (HEAP, HEAP + BLOCK_BYTES - 8):
        assert guest.guest.write(at, at).ok
        assert guest.guest.read(at).value == at


def test_contents_survive_unfolding_while_the_realm_runs(make_guest: MakeGuest) -> None:
    """RMI_RTT_CREATE over a block maps the same memory page by page."""
    guest = make_guest(activate=False)
    guest.realm.init_ripas(HEAP, HEAP + BLOCK_BYTES)
    guest.realm.map_block(HEAP)
    guest.start()
    guest.guest.write(HEAP + GRANULE_BYTES, 0xCCA)
    guest.realm.tables.create(HEAP, 3)
    assert guest.guest.read(HEAP + GRANULE_BYTES).value == 0xCCA
    guest.realm.tables.fold(HEAP, 3).require()
    assert guest.guest.read(HEAP + GRANULE_BYTES).value == 0xCCA


def test_destroyed_data_is_gone_at_once(make_guest: MakeGuest) -> None:
    """RMI_DATA_DESTROY invalidates the translation: the next access exits."""
    guest = make_guest(activate=False)
    guest.realm.map_data(HEAP, RETURN_42)
    guest.start()
    assert guest.guest.read(HEAP).ok
    guest.realm.unmap_data(HEAP)
    assert isinstance(guest.guest.submit("READ", HEAP, 8), DataAbort)


@pytest.mark.parametrize("width_bytes", [1, 2, 4, 8])
def test_each_width_of_access(make_guest: MakeGuest, width_bytes: int) -> None:
    """A store changes exactly as many bytes as it is wide."""
    guest = make_guest(activate=False)
    guest.realm.map_data(HEAP, b"\xff" * GRANULE_BYTES)
    guest.start()
    guest.guest.write(HEAP, 0, width_bytes)
    assert guest.guest.read(HEAP).value == MASK64 & MASK64 << 8 * width_bytes
