# SPDX-License-Identifier: BSD-3-Clause
"""Every error that cca-harness raises on purpose.

::

    HarnessError                 verdict "harness"
     ├─ AbiError                 the tables are inconsistent or were asked for something unknown
     ├─ StackError               verdict "stack": what was to be booted is wrong
     │   ├─ BuildError           a component's build command failed
     │   └─ ProvisionError       a tool or package is missing and could not be had
     ├─ MachineError             verdict "stack": the machine did not do what a machine does
     │   ├─ LaunchError          QEMU did not start
     │   ├─ MachineDied          QEMU ended while it was needed
     │   ├─ BootFailed           the firmware did not reach the normal world
     │   └─ AlarmRaised          a console showed a panic, an exception dump, a reboot
     ├─ ConsoleError             verdict "stack": who speaks on the line fell silent
     │   ├─ ConsoleTimeout       a pattern did not show up before its deadline
     │   └─ ConsoleClosed        the line ended while output was expected
     ├─ LinkError
     │   ├─ LinkCannot           this kind of link has no way to do it
     │   ├─ LinkTimeout          verdict "stack": the monitor did not answer a request
     │   └─ FrameError           bytes that are not a frame, or a frame that is not an answer
     └─ RealmError               a realm could not be built or run as asked

Modules derive their own from these. The message says what was wanted and seen; ``hint``
says what to do next. Text is ``message`` alone, followed by ``hint:`` on its own line
where there is one.
"""

from __future__ import annotations

import errno
from typing import ClassVar, Literal

Verdict = Literal["assertion", "stack", "lab", "harness"]


class HarnessError(Exception):
    """Base of all errors here: a message, a hint, and who is to blame (``verdict``)."""

    verdict: ClassVar[Verdict] = "harness"

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\nhint: {self.hint}" if self.hint else self.message


class AbiError(HarnessError):
    """The ABI tables contradict themselves, or a name is not in them."""


class StackError(HarnessError):
    """A stack file, a component or an image is not what it must be."""

    verdict = "stack"


class BuildError(StackError):
    """A build command failed; the message carries the command and its last lines."""


class ProvisionError(StackError):
    """A tool or package that a stack needs is missing."""


class MachineError(HarnessError):
    """The machine as a whole misbehaved."""

    verdict = "stack"


class LaunchError(MachineError):
    """QEMU did not start; the message carries its exit status and output."""


class MachineDied(MachineError):
    """QEMU ended although nobody had asked it to."""


class BootFailed(MachineError):
    """The firmware did not hand over to the normal world."""


class AlarmRaised(MachineError):
    """A console showed something that no healthy run shows."""


class ConsoleError(HarnessError):
    """A console did not deliver what was expected of it."""

    verdict = "stack"


class ConsoleTimeout(ConsoleError):
    """A pattern was not seen before its deadline."""


class ConsoleClosed(ConsoleError):
    """The line was closed while something was expected on it."""


class LinkError(HarnessError):
    """The link to the normal-world monitor failed."""


class LinkCannot(LinkError):
    """This kind of link has no way to do what was asked: a test that needs it is skipped."""


class LinkTimeout(LinkError):
    """The monitor did not answer within the deadline: it or the firmware below hangs."""

    verdict = "stack"


class FrameError(LinkError):
    """Bytes on the line are not a valid frame."""


class RealmError(HarnessError):
    """A realm could not be built, run or destroyed as the test asked."""


def results_hint(problem: OSError) -> str:
    """Say what to do where the results of a run cannot be written."""
    full = problem.errno in (errno.ENOSPC, errno.EDQUOT)
    return f"{'free space there, or ' if full else ''}choose another place: --runs=DIR or CCA_RUNS"
