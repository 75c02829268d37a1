# SPDX-License-Identifier: BSD-3-Clause
"""Measurements against values put together by hand from the specification's layouts."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import pytest

from harness.abi import codec
from harness.realm import Measurements, rec_params
from harness.rmi import HashAlgo

PARAMS = codec("RmiRealmParams").encode(
    flags=1,
    s2sz=40,
    sve_vl=2,
    num_bps=5,
    num_wps=3,
    pmu_num_ctrs=4,
    hash_algo=0,
    rpv=b"not measured",
    vmid=7,
    rtt_base=0x8000_0000,
    rtt_level_start=1,
    rtt_num_start=2,
)

Hash = Callable[[bytes], bytes]


@pytest.fixture(params=[HashAlgo.SHA_256, HashAlgo.SHA_512])
def algorithm(request: pytest.FixtureRequest) -> HashAlgo:
    chosen: HashAlgo = request.param
    return chosen


@pytest.fixture
def digest(algorithm: HashAlgo) -> Hash:
    """The digest in the 64 bytes of a measurement."""
    function = {HashAlgo.SHA_256: hashlib.sha256, HashAlgo.SHA_512: hashlib.sha512}[algorithm]
    return lambda data: function(data).digest().ljust(64, b"\0")


@pytest.fixture
def subject(algorithm: HashAlgo) -> Measurements:
    return Measurements(algorithm, PARAMS)


def first_rim(digest: Hash) -> bytes:
    page = bytearray(4096)
    for offset, value in {0: 1, 0x8: 40, 0x10: 2, 0x18: 5, 0x20: 3, 0x28: 4, 0x30: 0}.items():
        page[offset] = value
    return digest(bytes(page))


def descriptor(kind: int, rim: bytes, **at: bytes) -> bytes:
    """A 256-byte measurement descriptor; ``at`` gives contents by offset (``x50=...``)."""
    made = bytearray(256)
    made[0] = kind
    made[8:16] = (256).to_bytes(8, "little")
    made[0x10:0x50] = rim
    for offset, value in at.items():
        start = int(offset[1:], 16)
        made[start : start + len(value)] = value
    return bytes(made)


def u64(value: int) -> bytes:
    return value.to_bytes(8, "little")


def test_first_rim_has_some_parameters_only(subject: Measurements, digest: Hash) -> None:
    assert subject.rim == first_rim(digest)
    assert len(subject.rim) == 64


@pytest.mark.parametrize("measured", [True, False])
def test_data(subject: Measurements, digest: Hash, measured: bool) -> None:
    content = b"\x5a" * 4096
    subject.data_create(0x1_0000, content, int(measured))
    hashed = digest(content) if measured else bytes(64)
    wanted = descriptor(0, first_rim(digest), x50=u64(0x1_0000), x58=u64(int(measured)), x60=hashed)
    assert subject.rim == digest(wanted)


def test_rec(subject: Measurements, digest: Hash) -> None:
    subject.rec_create(rec_params(mpidr=0x100, pc=0x1_0000, gprs=(40, 9)))
    page = bytearray(4096)
    page[0] = 1
    page[0x200:0x208] = u64(0x1_0000)
    page[0x300:0x310] = u64(40) + u64(9)
    wanted = descriptor(1, first_rim(digest), x50=digest(bytes(page)))
    assert subject.rim == digest(wanted)


def test_rec_that_is_not_runnable_is_not_measured(subject: Measurements, digest: Hash) -> None:
    subject.rec_create(rec_params(mpidr=0, pc=0x1_0000, runnable=False))
    assert subject.rim == first_rim(digest)


def test_ripas_is_measured_entry_by_entry(subject: Measurements, digest: Hash) -> None:
    subject.init_ripas(0x20_0000, 0x60_0000, 0x20_0000)
    rim = first_rim(digest)
    for base in (0x20_0000, 0x40_0000):
        rim = digest(descriptor(2, rim, x50=u64(base), x58=u64(base + 0x20_0000)))
    assert subject.rim == rim


def test_extension_of_a_rem(subject: Measurements, digest: Hash, algorithm: HashAlgo) -> None:
    width = 64 if algorithm is HashAlgo.SHA_512 else 32
    subject.extend_rem(2, b"first")
    subject.extend_rem(2, b"second")
    once = digest(bytes(width) + b"first")
    assert subject.rems == [bytes(64), digest(once[:width] + b"second"), bytes(64), bytes(64)]
    assert subject.rim == first_rim(digest)
