# SPDX-License-Identifier: BSD-3-Clause
"""The alarm patterns: what firmware and kernels print when something is badly wrong.

Sources: the format strings of TF-A 2.12 (BL31 crash reporting, assert, RMMD), of Linux
(kernel/panic.c, lib/bug.c, kernel/rcu/tree_stall.h), and of the in-tree images.
Patterns are searched anywhere in a line: on a shared UART one line may split another.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from harness.abi import tables

Explain = Callable[[re.Match[bytes]], str]


@dataclass(frozen=True, slots=True)
class AlarmRule:
    """A named pattern; ``allowed`` occurrences per machine are normal."""

    name: str
    pattern: bytes
    meaning: str
    hint: str = ""
    allowed: int = 0
    decode: Explain | None = None

    def explain(self, match: re.Match[bytes]) -> str:
        """Return the meaning, with what the matched text itself tells."""
        detail = self.decode(match) if self.decode else ""
        return f"{self.meaning}: {detail}" if detail else self.meaning


def _boot_code(match: re.Match[bytes]) -> str:
    """Name the code with which an RMM refused to boot."""
    found = re.search(rb"-?\d+\s*$", match.group(0))
    if found is None:
        return ""
    code = int(found.group(0))
    if code >> 31 == 1:
        code -= 1 << 32  # an RMM that returns 32 bits: EL3 prints them without a sign
    names = {value: name for name, value in tables().enum("RmmBootCode").items()}
    return f"boot code {code}, {names.get(code, 'unknown to the RMM-EL3 interface')}"


_DUMP_HINT = "symbolise the addresses against the ELF files of the stack"
_KERNEL_HINT = "read the console transcript of the kernel from this line on"

DEFAULT_RULES: tuple[AlarmRule, ...] = (
    AlarmRule(
        "rmm-boot-failed",
        rb"RMM init failed(?: on CPU\d+)?: -?\d+|Error loading RMM Boot Manifest",
        "the RMM refused to boot, EL3 goes on without it",
        hint="compare the boot manifest that this TF-A writes with what the RMM accepts; "
        "TF-A 2.12 for QEMU needs the console checksum fix",
        decode=_boot_code,
    ),
    AlarmRule("rmm-panic", rb"RMM: panic|RMM PANIC:", "the RMM gave up", hint=_DUMP_HINT),
    AlarmRule(
        "monitor-panic",
        rb"MONITOR PANIC:",
        "the normal-world monitor met something that it cannot handle",
        hint=_DUMP_HINT,
    ),
    AlarmRule(
        "el3-exception",
        rb"Unhandled (?:Interrupt )?Exception (?:in EL3|from lower EL)",
        "EL3 took an exception that it does not handle",
        hint=_DUMP_HINT,
    ),
    AlarmRule(
        "el3-panic",
        rb"PANIC in EL3|PANIC at PC|BACKTRACE: START|ASSERT: ",
        "EL3 firmware or an RMM stopped at a check of its own",
        hint=_DUMP_HINT,
    ),
    AlarmRule(
        "kernel-panic", rb"Kernel panic - not syncing", "a kernel panicked", hint=_KERNEL_HINT
    ),
    AlarmRule(
        "kernel-oops",
        rb"Internal error: |Unable to handle kernel|Bad mode in ",
        "a kernel took a fault of its own",
        hint=_KERNEL_HINT,
    ),
    AlarmRule(
        "granule-fault",
        rb"Granule Protection Fault|Unhandled fault: GPF",
        "a kernel touched memory of another world",
        hint=_KERNEL_HINT,
    ),
    AlarmRule(
        "kernel-bug", rb"kernel BUG at|\bBUG: ", "a kernel found a defect", hint=_KERNEL_HINT
    ),
    AlarmRule(
        "kernel-warning",
        rb"WARNING: (?:CPU: \d|\S+:\d+ at )",
        "a kernel warned of a defect",
        hint=_KERNEL_HINT,
    ),
    AlarmRule(
        "rcu-stall",
        rb"rcu: INFO: rcu\w* .*stall|detected stalls? on CPUs",
        "a CPU of the kernel made no progress",
        hint=_KERNEL_HINT,
    ),
    AlarmRule(
        "reboot",
        rb"Booting Trusted Firmware",
        "the machine started again although nobody had asked it to",
        hint="look at the lines before the second boot banner",
        allowed=1,
    ),
)
