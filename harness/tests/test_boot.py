# SPDX-License-Identifier: BSD-3-Clause
"""How long a boot may take, and what is said of one that did not end."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.console import Console
from harness.deadline import Deadline
from harness.errors import BootFailed, HarnessError
from harness.link import SerialLink
from harness.link.boot import DEFAULT_TIMEOUT_S, VARIABLE, boot_deadline, stage_hint
from harness.tests.fakes import console_pair

Line = tuple[Console, socket.socket]


@pytest.fixture
def line(tmp_path: Path) -> Iterator[Line]:
    console, far = console_pair(tmp_path)
    yield console, far
    far.close()
    console.close()


def test_limit_is_the_default_the_variable_or_what_is_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    assert boot_deadline().timeout_s == DEFAULT_TIMEOUT_S
    monkeypatch.setenv(VARIABLE, "")
    assert boot_deadline().timeout_s == DEFAULT_TIMEOUT_S
    monkeypatch.setenv(VARIABLE, "2.5")
    assert boot_deadline().timeout_s == 2.5
    assert boot_deadline(1).timeout_s == 1


@pytest.mark.parametrize("text", ["0", "-1", "ten", "inf", "nan"])
def test_limit_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv(VARIABLE, text)
    with pytest.raises(HarnessError, match=f"{VARIABLE}={text} is not a number of seconds"):
        boot_deadline()


def test_the_variable_limits_the_boot(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "0.1")
    with pytest.raises(BootFailed, match=r"did not hand over to the monitor within 0\.1 s"):
        SerialLink(line[0]).hello()


@pytest.mark.parametrize(
    ("log", "hint"),
    [
        (b"", "not even BL1 spoke"),
        (b"NOTICE:  BL1: v2.12\n", "BL2 did not come"),
        (b"NOTICE:  BL1: v2.12\nNOTICE:  BL2: v2.12\n", "BL2 loads BL31, the RMM"),
        (b"NOTICE:  BL2: v2.12\nNOTICE:  BL31: v2.12\n", "is rmm.image whole"),
        (b"NOTICE:  BL31: v2.12\nNOTICE:  TRP: v2.12\n", "the RMM came up"),
        (b"NOTICE:  BL31: v2.12\nRMM: ready\n", "the RMM came up"),
        (b"RMM: ready\nMONITOR READY\n", "the monitor came up and then did not answer"),
    ],
)
def test_the_hint_follows_from_the_stage_that_spoke_last(log: bytes, hint: str) -> None:
    assert hint in stage_hint(log)


def test_a_time_out_shows_the_console_once_and_hints_at_the_stage(line: Line) -> None:
    console, far = line
    far.sendall(b"NOTICE:  BL31: v2.12\n")
    console.expect("BL31", Deadline.after(60))
    with pytest.raises(BootFailed) as caught:
        SerialLink(console).hello(0.05)
    assert caught.value.message.count("NOTICE:  BL31: v2.12") == 1
    assert "is rmm.image whole" in caught.value.hint
