# SPDX-License-Identifier: BSD-3-Clause
"""The wait for the monitor after a launch: how long it may take, what its failure says."""

from __future__ import annotations

import os

from harness.console import Console
from harness.deadline import Deadline
from harness.errors import BootFailed, ConsoleTimeout, HarnessError, LinkTimeout
from harness.link.protocol import READY_LINE

VARIABLE = "CCA_BOOT_TIMEOUT_S"
DEFAULT_TIMEOUT_S = 10.0
"""A boot takes 0.3 s, some seconds on a machine with ten times as much to do as it can."""

_RMM_IS_UP = "the RMM came up, the monitor did not: is host.image linked for where BL33 goes?"
_STAGES = (
    (READY_LINE, "the monitor came up and then did not answer: is it the one of this checkout?"),
    (b"RMM: ", _RMM_IS_UP),
    (b"TRP: ", _RMM_IS_UP),
    (b"BL31: ", "EL3 entered the RMM, which said nothing: is rmm.image whole, and for this TF-A?"),
    (b"BL2: ", "BL2 loads BL31, the RMM and the monitor: one of them does not load or run"),
    (b"BL1: ", "BL2 did not come: does tf-a.fip belong to tf-a.bl1, has machine.cpu x-rme=on?"),
)
_SILENCE = "not even BL1 spoke: is tf-a.bl1 built for PLAT=qemu, and has the machine RME?"


def boot_deadline(timeout_s: float | None = None) -> Deadline:
    """When the monitor must have come: in ``timeout_s``, $CCA_BOOT_TIMEOUT_S or 10 seconds.

    Raises ``HarnessError`` where the variable does not hold a positive number.
    """
    if timeout_s is not None:
        return Deadline.after(timeout_s)
    text = os.environ.get(VARIABLE) or str(DEFAULT_TIMEOUT_S)
    try:
        given_s = float(text)
    except ValueError:
        given_s = 0.0
    if not 0 < given_s < float("inf"):
        raise HarnessError(f"{VARIABLE}={text} is not a number of seconds above 0")
    return Deadline.after(given_s)


def boot_failed(
    problem: HarnessError, deadline: Deadline, console: Console, seen: str
) -> BootFailed:
    """Build the error for a monitor that did not come, out of the reason for it."""
    timed_out = isinstance(problem, LinkTimeout | ConsoleTimeout)
    over = timed_out and deadline.expired
    when = f"within {deadline.timeout_s:g} s" if over else f"({deadline.elapsed_s:.1f} s)"
    text = f"the firmware did not hand over to the monitor {when}: {problem.message}"
    return BootFailed(
        text if seen in text else f"{text}\n{seen}",
        hint=stage_hint(console.recent()) if timed_out else problem.hint,
    )


def stage_hint(log: bytes) -> str:
    """Say what usually is wrong when a boot ends after the stage that spoke last."""
    return next((hint for mark, hint in _STAGES if mark in log), _SILENCE)
