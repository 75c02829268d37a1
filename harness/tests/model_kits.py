# SPDX-License-Identifier: BSD-3-Clause
"""Machines for tests of the model alone."""

from __future__ import annotations

from dataclasses import replace

from harness.abi import tables
from harness.model import Layout, Pas, Platform, Region
from harness.model.scenarios import Kit

_FEATURES = tables().bitfield("RmiFeatureRegister0")
GRANULES = 0x8000_0000
PAGES = 0xB000_0000
DEVICE = 0x0900_0000
RMM = 0x4010_0000
HIGH = 1 << 48
SECURE = 0x0E00_0000
BEYOND = 0x1_0000_0000
LAYOUT = Layout(
    (
        Region(DEVICE, DEVICE + 0x1000, tracked=False),
        Region(RMM, 0x4190_0000, Pas.REALM),
        Region(0x4000_0000, 0x1_0000_0000),
        Region(HIGH, HIGH + 0x10_0000),
    )
)
PLAIN = Platform(
    layout=LAYOUT,
    features=_FEATURES.encode(
        S2SZ=48, NUM_BPS=5, NUM_WPS=3, HASH_SHA_256=1, HASH_SHA_512=1, GICV3_NUM_LRS=3
    )
    | _FEATURES.encode(MAX_RECS_ORDER=4),
    aux_granules=2,
)
"""A machine like QEMU's, with some DRAM above 48 bits."""

NARROW = replace(
    PLAIN,
    features=PLAIN.features & ~_FEATURES.bits("HASH_SHA_512").mask,
    pa_bits=44,
    vmid_bits=8,
    unchecked=frozenset(),
    has_attestation=False,
)
"""The same with a smaller PA range and VMIDs, and an RMM that checks everything."""

PROGRAM = ((0x1_0000, b"code"), (0x1_1000, None))


def kit(platform: Platform = PLAIN) -> Kit:
    """Everything that recipes may ask for."""
    return Kit(
        platform=platform,
        granules=GRANULES,
        pages=PAGES,
        device=DEVICE,
        not_ns=RMM,
        high=HIGH,
        secure=SECURE,
        beyond=BEYOND,
        program=PROGRAM,
        pc=0x1_0000,
        gprs=(40, 0xCCA),
    )
