# SPDX-License-Identifier: BSD-3-Clause
"""The kernel's log: lines, severities, continuations."""

from __future__ import annotations

from harness.host import Level, LogLine, parse_log

TEXT = """\
<6>[    0.000000] Booting Linux on physical CPU 0x0000000000 [0x000f0510]
<4>[    1.500000] warned
<12>[    2.000000] from user space
second line of it
<3>[   10.250000] failed: -22
"""


def test_severities_are_those_of_the_kernel_whoever_spoke() -> None:
    assert [line.level for line in parse_log(TEXT)] == [
        Level.INFO,
        Level.WARNING,
        Level.WARNING,
        Level.ERR,
    ]


def test_only_what_is_severe_enough_is_returned() -> None:
    assert parse_log(TEXT, Level.ERR) == [LogLine(Level.ERR, 10.25, "failed: -22")]


def test_a_line_without_a_head_continues_the_one_before() -> None:
    assert parse_log(TEXT)[2].text == "from user space\nsecond line of it"
