# SPDX-License-Identifier: BSD-3-Clause
"""Who holds a place: a name of its own for each agent, which tells whether it still lives.

labgrid's coordinator knows an owner as ``host/user`` and keeps a place for it until somebody
releases it, whether or not the owner's process is still there. An agent therefore uses a user
name that nobody else has, in which it says what process it is: whoever comes next on the same
machine sees that the process is gone, and releases what it held.
"""

from __future__ import annotations

import getpass
import os
import re
import socket
from pathlib import Path

_NAME = re.compile(r"cca-.*-(?P<here>[0-9a-f]{8}\.\d+)-(?P<pid>\d+)-(?P<start>\d+)")
_START_TIME = 19


def host_name() -> str:
    """This machine as an owner's first half; labgrid's own variable overrides it."""
    return (os.environ.get("LG_HOSTNAME") or socket.gethostname()).replace("/", "-")


def user_name(pid: int | None = None) -> str:
    """An owner's second half for a process, by default this one."""
    own = os.getpid() if pid is None else pid
    user = re.sub(r"[^A-Za-z0-9_.]+", "_", _user())
    return f"cca-{user}-{_here()}-{own}-{_start_time(own)}"


def is_stale(owner: str) -> bool:
    """Whether ``host/user`` names an agent of this machine whose process is gone.

    Says no of everybody else, also of agents before the last boot or in another container:
    whether those live cannot be seen from here.
    """
    host, _, user = owner.partition("/")
    match = _NAME.fullmatch(user)
    if match is None or host != host_name() or match["here"] != _here():
        return False
    return _start_time(int(match["pid"])) != int(match["start"])


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a user id without a name, as in some containers
        return str(os.getuid())


def _here() -> str:
    """Boot and process-id namespace: within one, a process id and its start time are unique."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii")
    return f"{boot[:8]}.{Path('/proc/self/ns/pid').stat().st_ino}"


def _start_time(pid: int) -> int:
    """When a process began, in ticks after boot; 0 for one that is gone or a zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return 0
    fields = stat.rpartition(")")[2].split()
    return 0 if fields[0] in "ZX" else int(fields[_START_TIME])
