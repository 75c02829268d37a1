# SPDX-License-Identifier: BSD-3-Clause
"""A shell over SSH. The only user of paramiko.

Invariants:

* each command is a channel and a process group of its own, which is killed as a whole;
* the host is who it must be: its key was handed over on another way and is compared;
* no wait is without an end, and what ends a machine (``check``) ends it earlier.
"""

from harness.shell.ssh.connection import SshAddress
from harness.shell.ssh.shell import SshShell

__all__ = ["SshAddress", "SshShell"]
