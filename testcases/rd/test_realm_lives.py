# SPDX-License-Identifier: BSD-3-Clause
"""One realm's life after another: nothing of it stays behind."""

from __future__ import annotations

import pytest

from harness.realm import NormalWorld, PayloadImage, start_realm

pytestmark = [pytest.mark.realm, pytest.mark.requires("realms")]

LIVES = 8


def test_no_granule_stays_delegated_after_a_life(
    ns: NormalWorld, payload_image: PayloadImage
) -> None:
    """Create, run, destroy, over and over: delegated granules are none each time (RD-16)."""
    seen = []
    for _ in range(LIVES):
        guest = start_realm(ns, payload_image)
        assert guest.guest.hello().ok
        guest.realm.destroy()
        seen.append(len(ns.ledger.leaks()))
    assert seen == [0] * LIVES
