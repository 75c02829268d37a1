# SPDX-License-Identifier: BSD-3-Clause
"""Frames survive the round trip, and nothing that is damaged passes."""

import zlib

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.errors import FrameError
from harness.link.frame import (
    FRAME_PATTERN,
    Answer,
    Frame,
    Request,
    decode,
    decode_answer,
    decode_request,
    decode_working,
    encode,
    encode_answer,
    encode_request,
)
from harness.link.protocol import Reply

_U32 = st.integers(0, 2**32 - 1)
_U64 = st.integers(0, 2**64 - 1)
_REQUESTS = st.builds(
    Request,
    _U32,
    st.integers(0, 7),
    st.integers(1, 20),
    st.tuples(*[_U64] * 8),
    st.binary(max_size=2048),
)
_REPLIES = st.builds(
    Reply, _U64, st.tuples(*[_U64] * 8), _U64, _U64, _U64, _U64, st.binary(max_size=2048)
)

patient = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""How long an example takes is the machine's business."""


@patient
@given(_REQUESTS)
def test_request_round_trip(request: Request) -> None:
    assert decode_request(decode(encode_request(request))) == request


@patient
@given(_U32, st.integers(0, 7), _REPLIES)
def test_answer_round_trip(seq: int, pe: int, reply: Reply) -> None:
    answer = Answer(seq, pe, reply)
    assert decode_answer(decode(encode_answer(answer))) == answer


def test_bytes_of_a_request_are_as_the_protocol_says() -> None:
    text = b"Q1f,0,2,c4000150"
    wanted = b"\x01" + text + b":%08x" % zlib.crc32(text) + b"\x04"
    assert encode_request(Request(0x1F, 0, 2, (0xC4000150, 0, 0))) == wanted


def test_data_follows_the_equals_sign_as_hex_pairs() -> None:
    assert b"Q1,0,6,80000000,2=00ff:" in encode_request(
        Request(1, 0, 6, (0x8000_0000, 2), b"\x00\xff")
    )


def test_empty_and_short_frames_fill_up_with_zeros() -> None:
    assert decode(encode(Frame("N", ()))) == Frame("N", ())
    assert decode_working(decode(encode(Frame("W", (7, 0))))) == (7, 0)
    assert decode_answer(Frame("A", (5, 1))).reply == Reply(0, (0,) * 8)


@patient
@given(_REQUESTS, st.data())
def test_one_flipped_bit_never_passes(request: Request, data: st.DataObject) -> None:
    raw = bytearray(encode_request(request))
    at = data.draw(st.integers(0, len(raw) - 1))
    raw[at] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(FrameError):
        decode(bytes(raw))


@patient
@given(st.binary(max_size=64))
def test_noise_is_an_error_and_never_another_exception(noise: bytes) -> None:
    for raw in (noise, b"\x01" + noise + b"\x04", b"\x01" + noise + b":00000000\x04"):
        try:
            decode(raw)
        except FrameError:
            continue


@patient
@given(st.binary(max_size=200).map(lambda raw: raw.replace(b"\x01", b"").replace(b"\x04", b"")))
def test_new_start_ends_a_torn_frame(torn: bytes) -> None:
    whole = encode(Frame("W", (1, 2)))
    match = FRAME_PATTERN.search(b"console text\n\x01" + torn + whole + b"more text")
    assert match is not None
    assert decode(match.group(0)) == Frame("W", (1, 2))


def test_errors_say_what_is_wrong() -> None:
    good = encode(Frame("N", ()))
    with pytest.raises(FrameError, match=r"not a frame: b'\\x01abc\\x04'"):
        decode(b"\x01abc\x04")
    with pytest.raises(FrameError, match=r"wrong CRC, expected [0-9a-f]{8}"):
        decode(good.replace(b":", b":f")[:11] + b"\x04")
    with pytest.raises(FrameError, match=r"wanted a frame of type 'A' .* got type 'N' with 0"):
        decode_answer(decode(good))
    with pytest.raises(FrameError, match="longer than 6144"):
        encode(Frame("A", (), bytes(4000)))
    text = b"Azz"
    with pytest.raises(FrameError, match="unreadable field"):
        decode(b"\x01%s:%08x\x04" % (text, zlib.crc32(text)))
