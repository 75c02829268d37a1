# SPDX-License-Identifier: BSD-3-Clause
"""Alarms: which lines count, which do not, what is remembered and what is exempt."""

import pytest

from harness.alarms import AlarmLog
from harness.errors import AlarmRaised

ALARMING = {
    "ERROR:   RMM init failed: -7": "rmm-boot-failed",
    "ERROR:   RMM init failed on CPU1: -2": "rmm-boot-failed",
    "ERROR:   Error loading RMM Boot Manifest (-12)": "rmm-boot-failed",
    "RMM PANIC: rtt.c:311: walk": "rmm-panic",
    "RMM: panic in handler": "rmm-panic",
    "[    1.2] clocks: RMM PANIC: rtt.c:311": "rmm-panic",
    "MONITOR PANIC: esr 0x96000010": "monitor-panic",
    "Unhandled Exception in EL3.": "el3-exception",
    "Unhandled Interrupt Exception in EL3.": "el3-exception",
    "Unhandled Exception from lower EL.": "el3-exception",
    "PANIC in EL3.": "el3-panic",
    "PANIC at PC : 0x000000000e0a1234": "el3-panic",
    "BACKTRACE: START: assert": "el3-panic",
    "ASSERT: File lib/gpt_rme/gpt_rme.c Line 420": "el3-panic",
    "[    2.0] Internal error: Oops: 0000000096000004 [#1] SMP": "kernel-oops",
    "[    2.0] Unable to handle kernel NULL pointer dereference": "kernel-oops",
    "[    2.0] kernel BUG at mm/slub.c:448!": "kernel-bug",
    "[   30.0] watchdog: BUG: soft lockup - CPU#1 stuck for 26s!": "kernel-bug",
    "[    2.0] WARNING: CPU: 0 PID: 1 at kernel/smp.c:1 f+0x1/0x2": "kernel-warning",
    "[    2.0] WARNING: kernel/smp.c:1 at f+0x1/0x2, CPU#0: init/1": "kernel-warning",
    "[   21.0] rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:": "rcu-stall",
    "[   21.0] rcu: INFO: rcu_sched self-detected stall on CPU": "rcu-stall",
    "[    3.0] Kernel panic - not syncing: No working init found.": "kernel-panic",
    "[    3.0] Granule Protection Fault not on table walk at 0x1": "granule-fault",
}
HARMLESS = [
    "ERROR:   RMMD: PAS Transition failed. GPT ret = -1, PA: 0x0, FID = 0x0",
    "INFO:    RMM init end.",
    "NOTICE:  BL31: Built : 05:08:35",
    "[    0.0] WARNING: this system is slow",
    "WARNING: Disabling SVE",
    "[    0.1] rcu: Hierarchical RCU implementation.",
    "DEBUG: ok",
]


@pytest.mark.parametrize(("line", "name"), ALARMING.items())
def test_line_is_an_alarm(line: str, name: str) -> None:
    log = AlarmLog()
    log.feed("ns", f"before\r\n{line}\r\n".encode())
    assert log.first is not None
    assert (log.first.name, log.first.console, log.first.line) == (name, "ns", line)


@pytest.mark.parametrize("line", HARMLESS)
def test_line_is_no_alarm(line: str) -> None:
    log = AlarmLog()
    log.feed("ns", f"{line}\n".encode())
    assert log.first is None
    log.check()


def test_line_may_come_byte_by_byte_and_consoles_do_not_mix() -> None:
    log = AlarmLog()
    for byte in b"RMM PANIC: x\n":
        log.feed("ns", bytes([byte]))
        log.feed("secure", b".")
    assert log.first is not None
    assert log.first.console == "ns"


def test_line_without_end_counts_when_the_console_closes() -> None:
    log = AlarmLog()
    log.feed("ns", b"RMM PANIC: x")
    assert not log.all
    log.finish("ns")
    assert len(log.all) == 1


def test_alarm_behind_frames_of_a_link_is_shown_without_them() -> None:
    log = AlarmLog()
    log.feed("ns", b"\x01A1,0:12345678\x04" * 100 + b"RMM PANIC: rtt.c:311: walk\n")
    assert log.first is not None
    assert log.first.line == "RMM PANIC: rtt.c:311: walk"


def test_endless_line_does_not_grow_for_ever() -> None:
    log = AlarmLog()
    for _ in range(100):
        log.feed("ns", b"z" * 1000)
    assert sum(map(len, log._partial.values())) < 10_000


def test_second_boot_banner_is_a_reboot() -> None:
    log = AlarmLog()
    log.feed("ns", b"NOTICE:  Booting Trusted Firmware\n")
    assert not log.all
    log.feed("ns", b"NOTICE:  Booting Trusted Firmware\n")
    assert [alarm.name for alarm in log.all] == ["reboot"]


def test_error_decodes_the_boot_code_and_hints_at_the_manifest() -> None:
    log = AlarmLog()
    log.feed("ns", b"ERROR:   RMM init failed: -7\n")
    with pytest.raises(AlarmRaised) as caught:
        log.check()
    text = str(caught.value)
    assert "rmm-boot-failed on console 'ns': ERROR:   RMM init failed: -7" in text
    assert "boot code -7, MANIFEST_DATA_ERROR" in text
    assert "hint: compare the boot manifest" in text


def test_boot_code_without_a_sign_is_read_as_32_bits() -> None:
    log = AlarmLog()
    log.feed("ns", b"RMM init failed: 4294967289\n")
    assert "boot code -7, MANIFEST_DATA_ERROR" in log.describe()


def test_unknown_boot_code_is_said_to_be_unknown() -> None:
    log = AlarmLog()
    log.feed("ns", b"RMM init failed: -99\n")
    assert "boot code -99, unknown to the RMM-EL3 interface" in log.describe()


def test_first_alarm_stays_first_and_shows_the_lines_after_it() -> None:
    log = AlarmLog()
    log.feed("ns", b"RMM PANIC: one\n esr 0x1\n far 0x2\nMONITOR PANIC: two\n")
    assert log.first is not None
    assert log.first.name == "rmm-panic"
    text = log.describe()
    assert "  | esr 0x1\n  | far 0x2\n" in text
    assert "further alarms: monitor-panic x1" in text


def test_expected_alarm_is_collected_and_not_raised() -> None:
    log = AlarmLog()
    with log.expected("rmm-panic") as seen:
        log.feed("ns", b"RMM PANIC: wanted\n")
        log.feed("ns", b"MONITOR PANIC: not wanted\n")
    assert [alarm.line for alarm in seen] == ["RMM PANIC: wanted"]
    assert [alarm.name for alarm in log.all] == ["monitor-panic"]


def test_exemption_ends_with_its_block_and_may_be_nested() -> None:
    log = AlarmLog()
    with log.expected("rmm-panic") as outer, log.expected("rmm-panic") as inner:
        log.feed("ns", b"RMM PANIC: 1\n")
    log.feed("ns", b"RMM PANIC: 2\n")
    assert (len(outer), len(inner), len(log.all)) == (0, 1, 1)


def test_unknown_exemption_lists_the_names_there_are() -> None:
    with (
        pytest.raises(ValueError, match=r"no alarm is called \['rmm-panik'\].*'rmm-panic'"),
        AlarmLog().expected("rmm-panik"),
    ):
        pass


def test_listeners_hear_of_an_alarm_at_once() -> None:
    log = AlarmLog()
    heard: list[str] = []
    log.on_alarm.append(lambda alarm: heard.append(alarm.name))
    log.feed("ns", b"RMM PANIC: x\n")
    assert heard == ["rmm-panic"]
