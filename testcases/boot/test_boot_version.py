# SPDX-License-Identifier: BSD-3-Clause
"""RMI_VERSION: which requests the RMM accepts, and what it says it has."""

from __future__ import annotations

import pytest

from harness.abi import tables
from harness.rmi import Fails, Rmi, Succeeds

pytestmark = [pytest.mark.rmi, pytest.mark.requires("realms")]

RMI_1_0 = tables().constants["RMI_ABI_VERSION"]


def revision(major: int, minor: int) -> int:
    """A version word: major in bits 30:16, minor in bits 15:0."""
    return major << 16 | minor


def test_version_accepts_the_implemented_revision(rmi: Rmi) -> None:
    """RMI_VERSION, success: lower and higher are the revision that is there (RD-11)."""
    assert rmi.version(RMI_1_0) == Succeeds(lower=RMI_1_0, higher=RMI_1_0)


@pytest.mark.parametrize(
    "requested",
    [
        pytest.param(revision(0, 0), id="0.0"),
        pytest.param(revision(0, 0xFFFF), id="0.65535"),
        pytest.param(revision(1, 1), id="1.1"),
        pytest.param(revision(1, 0xFFFF), id="1.65535"),
        pytest.param(revision(2, 0), id="2.0"),
        pytest.param(revision(0x7FFF, 0xFFFF), id="32767.65535"),
    ],
)
def test_version_refuses_other_revisions_and_names_its_own(rmi: Rmi, requested: int) -> None:
    """RMI_VERSION, incompatible: lower and higher are reported all the same."""
    implemented = {"lower": RMI_1_0, "higher": RMI_1_0}
    assert rmi.version(requested) == Fails("incompatible", outputs=implemented)


@pytest.mark.parametrize("bit", [31, 32, 63])
def test_version_refuses_reserved_bits_of_the_request(rmi: Rmi, bit: int) -> None:
    """RMI_VERSION: bits 63:31 of the request must be zero."""
    assert rmi.version(RMI_1_0 | 1 << bit) == Fails("incompatible")


def test_the_answer_has_no_reserved_bits(rmi: Rmi) -> None:
    """RMI_VERSION: bits 63:31 of lower and higher are zero (RD-11)."""
    result = rmi.version(RMI_1_0).require()
    assert result.lower >> 31 == 0
    assert result.higher >> 31 == 0


def test_every_pe_gets_the_same_answer(rmi: Rmi, second_pe: int) -> None:
    """RMI_VERSION does not depend on the PE that asks."""
    assert rmi.on(second_pe).version(RMI_1_0).x[:3] == rmi.version(RMI_1_0).x[:3]
