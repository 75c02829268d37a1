# SPDX-License-Identifier: BSD-3-Clause
"""The two shells of a Linux host: the same calls, the same results."""

from __future__ import annotations

import pytest

from harness.host import Host

pytestmark = pytest.mark.linux


def test_both_shells_give_the_same_output_and_status(host: Host) -> None:
    """A command's output, in the order of writing, and its status do not depend on the line."""
    command = "echo out; echo err >&2; ls /; cat /proc/version; exit 7"
    serial, ssh = host.serial.run(command), host.ssh.run(command)
    assert (serial.status, ssh.status) == (7, 7)
    assert serial.output == ssh.output
    assert serial.output.startswith("out\nerr\n")
