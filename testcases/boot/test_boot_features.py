# SPDX-License-Identifier: BSD-3-Clause
"""RMI_FEATURES: feature register 0 against the PE below it, and the registers that are not."""

from __future__ import annotations

import pytest

from harness.abi import tables
from harness.realm import NormalWorld
from harness.rmi import Rmi, Succeeds

pytestmark = [pytest.mark.rmi, pytest.mark.requires("features")]

REGISTER0 = tables().bitfield("RmiFeatureRegister0")
PA_BITS = {0: 32, 1: 36, 2: 40, 3: 42, 4: 44, 5: 48, 6: 52, 7: 56}
"""ID_AA64MMFR0_EL1.PARange."""


def feature(ns: NormalWorld, name: str) -> int:
    """A field of feature register 0."""
    return REGISTER0.bits(name).get(ns.features)


def id_field(ns: NormalWorld, register: str, low_bit: int) -> int:
    """A four-bit field of an ID register as the host reads it."""
    return ns.link.sysreg_read(register) >> low_bit & 0xF


def test_register_0_is_there(rmi: Rmi) -> None:
    """RMI_FEATURES, success: register 0 is never empty."""
    assert rmi.features(0).require().value != 0


@pytest.mark.parametrize("index", [1, 2, 0xFF, 1 << 32, 1 << 63, (1 << 64) - 1])
def test_other_registers_read_as_zero(rmi: Rmi, index: int) -> None:
    """RMI_FEATURES: any other index succeeds with 0 (RD-12)."""
    assert rmi.features(index) == Succeeds(value=0)


def test_reserved_bits_are_zero(ns: NormalWorld) -> None:
    """Feature register 0: MBZ (RD-12)."""
    assert feature(ns, "MBZ") == 0


def test_the_ipa_width_is_one_that_the_pe_supports(ns: NormalWorld) -> None:
    """S2SZ: at least 32 bits, at most the PA range, above 48 bits only with LPA2."""
    limit = PA_BITS[id_field(ns, "ID_AA64MMFR0_EL1", 0)]
    assert 32 <= feature(ns, "S2SZ") <= (limit if feature(ns, "LPA2") else min(limit, 48))


def test_a_hash_algorithm_is_offered(ns: NormalWorld) -> None:
    """HASH_SHA_256, HASH_SHA_512: a realm needs one of them."""
    assert feature(ns, "HASH_SHA_256") or feature(ns, "HASH_SHA_512")


@pytest.mark.parametrize(("name", "low_bit"), [("NUM_BPS", 12), ("NUM_WPS", 20)])
def test_no_more_debug_resources_than_the_pe_has(ns: NormalWorld, name: str, low_bit: int) -> None:
    """NUM_BPS, NUM_WPS: count - 1, so never 0, and within ID_AA64DFR0_EL1."""
    assert 1 <= feature(ns, name) <= id_field(ns, "ID_AA64DFR0_EL1", low_bit)


def test_list_registers_are_those_of_the_gic(ns: NormalWorld) -> None:
    """GICV3_NUM_LRS: count - 1, as ICH_VTR_EL2.ListRegs."""
    assert feature(ns, "GICV3_NUM_LRS") == ns.link.sysreg_read("ICH_VTR_EL2") & 0x1F


@pytest.mark.parametrize(("switch", "amount"), [("SVE_EN", "SVE_VL"), ("PMU_EN", "PMU_NUM_CTRS")])
def test_what_is_not_offered_has_no_size(ns: NormalWorld, switch: str, amount: str) -> None:
    """SVE_VL and PMU_NUM_CTRS are zero unless SVE or PMU is offered."""
    assert feature(ns, switch) or feature(ns, amount) == 0


def test_every_pe_offers_the_same(rmi: Rmi, second_pe: int) -> None:
    """RMI_FEATURES does not depend on the PE that asks."""
    assert rmi.on(second_pe).features(0).require().value == rmi.features(0).require().value
