# SPDX-License-Identifier: BSD-3-Clause
"""Calls and answers as reports show them."""

import pytest

from harness.abi import tables
from harness.link.protocol import OP_READ, OP_SMC, STATUS_ABORT, Reply, describe_result

CREATE = tables().command("RMI_RTT_CREATE").fid


@pytest.mark.parametrize(
    ("x0", "text"),
    [
        (0, "RMI_SUCCESS"),
        (1, "RMI_ERROR_INPUT"),
        (0x204, "RMI_ERROR_RTT/2"),
        (0xFF, "RMI_STATUS_255"),
        (0xFFFF_FFFF_FFFF_FFFF, "NOT_SUPPORTED"),
        (0x1_0000_0204, "0x100000204"),
    ],
)
def test_status_of_an_rmi_call_has_its_name_and_nothing_is_cut_off(x0: int, text: str) -> None:
    assert describe_result(OP_SMC, (CREATE,), Reply(0, (x0, *[0] * 7))) == text


def test_values_are_shown_up_to_the_last_that_is_not_zero() -> None:
    assert describe_result(OP_READ, (), Reply(0, (5, 0, 7, 0, 0, 0, 0, 0))) == "0x5, 0x0, 0x7"
    aborted = Reply(STATUS_ABORT, (0,) * 8, esr=0x9600_0028, far=0x8000_0000)
    assert describe_result(OP_READ, (), aborted) == "ABORT esr=0x96000028 far=0x80000000"
