# SPDX-License-Identifier: BSD-3-Clause
"""Typed calls of the RMM's interfaces and their results."""

from harness.rmi.enums import EnterFlags, ExitReason, HashAlgo, PsciStatus, Ripas, RttState
from harness.rmi.result import CommandFailed, Fails, Result, Succeeds, explain
from harness.rmi.rmi import Caller, Rmi
from harness.rmi.rsi import Rsi, measurement_bytes

__all__ = [
    "Caller",
    "CommandFailed",
    "EnterFlags",
    "ExitReason",
    "Fails",
    "HashAlgo",
    "PsciStatus",
    "Result",
    "Ripas",
    "Rmi",
    "Rsi",
    "RttState",
    "Succeeds",
    "explain",
    "measurement_bytes",
]
