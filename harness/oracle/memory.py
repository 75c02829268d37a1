# SPDX-License-Identifier: BSD-3-Clause
"""The machine's memory as the model is shown it, and as a realm sees it."""

from __future__ import annotations

import struct

from harness.errors import HarnessError
from harness.link import Link, MailboxLink
from harness.model import Hipas, Realm, Ripas
from harness.model.rtt import LAST_LEVEL
from harness.oracle.ground import Ground
from harness.types import GRANULE_BYTES, Pa

_ZEROS = bytes(GRANULE_BYTES)
_WORD = struct.Struct("<Q")


class Memory:
    """Reads what is there now; ``sees_all`` says whether delegated memory can be read too."""

    def __init__(self, link: Link, ground: Ground) -> None:
        self.link = link
        self.ground = ground
        self.sees_all = isinstance(link, MailboxLink)

    def get(self, key: int, /) -> bytes | None:
        """A page that a call points to: as the RMM reads it, None where it cannot."""
        if key % GRANULE_BYTES or not self.ground.platform.layout.is_ns(key):
            return None
        try:
            return self.link.read(Pa(key), GRANULE_BYTES)
        except HarnessError:
            return None

    def word(self, pa: int) -> int:
        """One u64 of any world's memory."""
        number: int = _WORD.unpack(self.link.read(Pa(pa), 8))[0]
        return number

    def put_word(self, pa: int, value: int) -> None:
        """Store one u64 into any world's memory."""
        self.link.write(Pa(pa), _WORD.pack(value))

    def is_zero(self, pa: int) -> bool:
        """A granule holds nothing but zeros."""
        return self.link.read(Pa(pa), GRANULE_BYTES) == _ZEROS


def mapped(realm: Realm, ipa: int) -> int | None:
    """The PA that a realm reaches at an IPA, None where an access does not get through."""
    if not 0 <= ipa < realm.ipa_top:
        return None
    walk = realm.walk(ipa, LAST_LEVEL)
    entry = walk.entry
    if entry.hipas is Hipas.ASSIGNED:
        return entry.pa + ipa - walk.ipa if entry.ripas is Ripas.RAM else None
    return entry.pa + ipa - walk.ipa if entry.hipas is Hipas.ASSIGNED_NS else None


def is_destroyed(realm: Realm, ipa: int) -> bool:
    """The realm's memory there is DESTROYED: only the realm itself can change that."""
    if not realm.is_protected(ipa):
        return False
    return realm.walk(ipa, LAST_LEVEL).entry.ripas is Ripas.DESTROYED
