# SPDX-License-Identifier: BSD-3-Clause
"""Commands on a Linux host: the same calls and the same results over a serial line and SSH."""

from harness.shell.base import CommandResult, Shell, ShellCommandFailed, ShellError, ShellTimeout
from harness.shell.serial import SerialShell

__all__ = [
    "CommandResult",
    "SerialShell",
    "Shell",
    "ShellCommandFailed",
    "ShellError",
    "ShellTimeout",
]
