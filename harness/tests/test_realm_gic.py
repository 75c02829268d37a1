# SPDX-License-Identifier: BSD-3-Clause
"""Words of the virtual GIC interface against positions taken from the GIC specification."""

from __future__ import annotations

import pytest

from harness.errors import AbiError
from harness.realm import gic
from harness.realm.gic import LrState, list_register, lr_state


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        (list_register(27), 1 << 62 | 1 << 60 | 0xA0 << 48 | 27),
        (list_register(32, LrState.ACTIVE, priority=0), 2 << 62 | 1 << 60 | 32),
        (list_register(1, LrState.PENDING_ACTIVE, Group=0), 3 << 62 | 0xA0 << 48 | 1),
        (list_register(1, LrState.INVALID, priority=0, HW=1, pINTID=5), 0x3000_0005_0000_0001),
        (list_register(1, LrState.INVALID, priority=0, Group=0, EOI=1), 1 << 41 | 1),
    ],
)
def test_list_register(word: int, expected: int) -> None:
    assert f"{word:#x}" == f"{expected:#x}"


def test_state_is_read_back() -> None:
    assert [lr_state(list_register(9, state)) for state in LrState] == list(LrState)


def test_value_without_room() -> None:
    with pytest.raises(AbiError, match="Priority is 8 bits wide"):
        list_register(1, priority=256)


@pytest.mark.parametrize(
    ("word", "fields"),
    [
        (gic.MISR.decode(0b1000_0011), {"EOI": 1, "U": 1, "VGrp1D": 1}),
        (gic.VMCR.decode(0xF0 << 24 | 3 << 18 | 2), {"VPMR": 0xF0, "VBPR1": 3, "VENG1": 1}),
        (gic.HCR.decode(0x4002), {"UIE": 1, "TDIR": 1}),
    ],
)
def test_decoding(word: dict[str, int], fields: dict[str, int]) -> None:
    assert {name: value for name, value in word.items() if value} == fields


def test_maintenance_count_lies_outside_of_what_a_host_may_set() -> None:
    assert gic.EOI_COUNT.get(5 << 27) == 5
    assert gic.HCR.mask is not None
    assert not gic.EOI_COUNT.mask & gic.HCR.mask
