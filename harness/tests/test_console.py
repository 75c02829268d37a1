# SPDX-License-Identifier: BSD-3-Clause
"""A console drains always, matches what came, and says what it saw when it did not."""

import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.alarms import AlarmLog
from harness.console import Console
from harness.errors import AlarmRaised, ConsoleClosed, ConsoleTimeout
from harness.tests.fakes import console_pair
from harness.tests.waiting import PATIENCE_S, until_received
from harness.transcript import Transcript, TranscriptError

Pair = tuple[Console, socket.socket]


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    console, far = console_pair(tmp_path)
    yield console, far
    far.close()
    console.close()


def test_expect_returns_the_match_and_keeps_the_rest(pair: Pair) -> None:
    console, far = pair
    far.sendall(b"BL31: v2.12\nlogin: ")
    assert console.expect(r"v(\d+)\.(\d+)", PATIENCE_S).groups() == (b"2", b"12")
    console.expect(b"login: ", PATIENCE_S)


def test_zero_deadline_sees_what_is_already_there(pair: Pair) -> None:
    console, far = pair
    far.sendall(b"ready, steady")
    console.expect("ready", PATIENCE_S)
    console.expect("steady", 0)


def test_pattern_may_lie_across_reads_and_far_behind_noise(pair: Pair) -> None:
    console, far = pair
    for _ in range(64):
        far.sendall(b"." * 4096)
    far.sendall(b"nee")
    far.sendall(b"dle")
    console.expect("needle", PATIENCE_S)


def test_drains_although_nobody_expects(pair: Pair) -> None:
    console, far = pair
    far.sendall(b"x" * 4_000_000 + b"end")  # far more than a socket buffers
    console.expect("end", PATIENCE_S)
    assert console.transcript.size_bytes == 4_000_003


def test_send_reaches_the_other_end(pair: Pair) -> None:
    console, far = pair
    console.send("grüße\n")
    assert far.recv(100) == "grüße\n".encode()


def test_timeout_says_wanted_console_time_lines_and_file(pair: Pair) -> None:
    console, far = pair
    said = b"Booting\nstuck here\n"
    far.sendall(said)
    until_received(console, len(said))
    with pytest.raises(ConsoleTimeout) as caught:
        console.expect("login:", 0.2)
    text = str(caught.value)
    wanted = r"wanted /login:/ on console 'ns' within 0\.2 s, not seen after \d+\.\d\d s\n"
    assert re.search(wanted, text)
    assert "  | Booting\n  | stuck here\n" in text
    assert f"transcript: {console.transcript.path}" in text
    assert "hint:" in text


def test_timeout_without_output_says_so(pair: Pair) -> None:
    with pytest.raises(ConsoleTimeout, match=r"\(nothing\)"):
        pair[0].expect("login:", 0)


def test_closed_line_says_what_was_wanted_and_seen(pair: Pair) -> None:
    console, far = pair
    far.sendall(b"last words\n")
    far.close()
    with pytest.raises(ConsoleClosed) as caught:
        console.expect("login:", PATIENCE_S)
    assert "console 'ns' closed after" in str(caught.value)
    assert "possible to see /login:/" in str(caught.value)
    assert "last words" in str(caught.value)


def test_what_came_before_the_close_still_matches(pair: Pair) -> None:
    console, far = pair
    far.sendall(b"last words")
    far.close()
    console.expect("last words", PATIENCE_S)


def test_send_to_a_closed_line_is_an_error(pair: Pair) -> None:
    console, far = pair
    far.close()
    with pytest.raises(ConsoleClosed, match="possible to send /hello/"):
        console.send("hello")


def test_send_to_an_end_that_does_not_read_is_a_time_out(pair: Pair) -> None:
    console, far = pair
    console.send_timeout_s = 0.2
    with pytest.raises(ConsoleTimeout, match=r"'ns' did not take \d+ more bytes within 0\.2 s"):
        console.send(b"x" * 10_000_000)
    assert far.recv(1) == b"x"


def test_alarm_ends_the_wait_early_with_its_context(pair: Pair) -> None:
    console, far = pair
    far.sendall(b"RMM PANIC: granule.c:12\nx0 0x1\n")
    with pytest.raises(AlarmRaised) as caught:
        console.expect("login:", 3600)
    assert "rmm-panic on console 'ns': RMM PANIC: granule.c:12" in str(caught.value)
    assert "  | x0 0x1" in str(caught.value)


def test_full_disk_ends_the_wait_with_that_error() -> None:
    near, far = socket.socketpair()
    console = Console("ns", near, Transcript(Path("/dev/full")), AlarmLog())
    far.sendall(b"hello\n")
    until_received(console, 6)
    with pytest.raises(TranscriptError, match="No space left"):
        console.expect("nothing", 0.5)
    far.close()
    console.close()


def test_discard_forgets_what_nobody_expected(pair: Pair) -> None:
    console, far = pair
    far.sendall(b"old news, marker\n")
    console.expect("news", PATIENCE_S)
    console.discard()
    with pytest.raises(ConsoleTimeout):
        console.expect("marker", 0)


def test_close_twice_is_harmless(pair: Pair) -> None:
    pair[0].close()
    pair[0].close()


def test_what_was_not_expected_is_kept_when_the_line_ends(pair: Pair) -> None:
    console, far = pair
    far.sendall(b"one two " + b"." * 20_000 + b" three four")
    far.close()
    console.expect("one", PATIENCE_S)
    with pytest.raises(ConsoleClosed):
        console.expect("nothing", PATIENCE_S)
    console.expect("three", 0)
    before, _ = console.read_until("four", 0)
    assert before == b" "
    with pytest.raises(ConsoleClosed):
        console.expect("four", PATIENCE_S)
