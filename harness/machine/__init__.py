# SPDX-License-Identifier: BSD-3-Clause
"""Machines: what runs a stack and has consoles."""

from harness.machine.argv import TapPlugin
from harness.machine.qemu import Machine
from harness.machine.ram import GuestRam

__all__ = ["GuestRam", "Machine", "TapPlugin"]
