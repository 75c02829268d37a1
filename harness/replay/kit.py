# SPDX-License-Identifier: BSD-3-Clause
"""What recipes may use of QEMU's virt machine with the memory map of its firmware."""

from __future__ import annotations

from collections.abc import Collection

from harness.model import Layout, Pas, Platform, Region
from harness.model.scenarios import Kit
from harness.realm import NormalWorld, PayloadImage, Realm
from harness.realm.zoo import SPECIAL
from harness.types import GRANULE_BYTES

DRAM_BASE = 0x4000_0000
RMM_BASE, RMM_TOP = 0x4010_0000, 0x4190_0000
"""DRAM that EL3 gave to the RMM itself."""

MOST_GRANULES = 512
MOST_PAGES = 64
_FIRST_VMID = 0x1000
_RECS = 3


def make_platform(world: NormalWorld, capabilities: Collection[str]) -> Platform:
    """Ask the RMM what it is like; a realm is made for it and destroyed again."""
    realm = Realm.create(world)
    aux = realm.aux_count
    realm.destroy()
    return Platform(
        layout=Layout(
            (
                Region(RMM_BASE, RMM_TOP, Pas.REALM),
                Region(DRAM_BASE, SPECIAL["beyond_dram"]),
            )
        ),
        features=world.features,
        aux_granules=aux,
        has_attestation="attestation" in capabilities,
    )


def make_kit(world: NormalWorld, image: PayloadImage, platform: Platform) -> Kit:
    """Take memory of the pool for one recipe."""
    size_bytes = MOST_GRANULES * GRANULE_BYTES
    return Kit(
        platform=platform,
        granules=world.pool.take(MOST_GRANULES, align_bytes=size_bytes),
        pages=world.pool.take(MOST_PAGES),
        device=SPECIAL["device"],
        not_ns=SPECIAL["rmm"],
        secure=SPECIAL["secure"],
        beyond=SPECIAL["beyond_dram"],
        program=tuple((int(ipa), content) for ipa, content in image.pages(_RECS)),
        pc=image.entry,
        gprs=(40, 0),
        first_vmid=_FIRST_VMID,
    )
