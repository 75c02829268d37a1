# SPDX-License-Identifier: BSD-3-Clause
"""Links: how requests reach the monitor in the normal world."""

from harness.link.base import Channel, LoggedCall, Pending, Ticket
from harness.link.batch import BATCH_BYTES
from harness.link.devrmi import DevRmiLink
from harness.link.mailbox import MailboxLink
from harness.link.ops import SPURIOUS_INTID, Link
from harness.link.program import STEP_READ, STEP_SMC, STEP_WRITE, Program, ProgramResult, Step
from harness.link.protocol import Outcome, Reply
from harness.link.serial import SerialLink

__all__ = [
    "BATCH_BYTES",
    "SPURIOUS_INTID",
    "STEP_READ",
    "STEP_SMC",
    "STEP_WRITE",
    "Channel",
    "DevRmiLink",
    "Link",
    "LoggedCall",
    "MailboxLink",
    "Outcome",
    "Pending",
    "Program",
    "ProgramResult",
    "Reply",
    "SerialLink",
    "Step",
    "Ticket",
]
