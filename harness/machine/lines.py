# SPDX-License-Identifier: BSD-3-Clause
"""The lines of one QEMU: our ends are consoles and a control channel, the others it inherits."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from harness.alarms import AlarmLog
from harness.console import Console
from harness.machine.qmp import QmpChannel
from harness.transcript import Transcript

_QMP = "qmp"


class Lines:
    """Socket pairs. If one cannot be made those before it are given back."""

    def __init__(self, folder: Path, names: Sequence[str], alarms: AlarmLog) -> None:
        self.consoles: dict[str, Console] = {}
        self._far: dict[str, socket.socket] = {}
        self._parts = ExitStack()
        with self._parts:
            self.qmp = QmpChannel(self._pair(_QMP))
            self._parts.callback(self.qmp.close)
            for name in names:
                self.consoles[name] = self._console(name, folder, alarms)
            self._parts = self._parts.pop_all()

    def _pair(self, name: str) -> socket.socket:
        near, self._far[name] = socket.socketpair()
        self._parts.callback(self._far[name].close)
        self._parts.callback(near.close)
        return near

    def _console(self, name: str, folder: Path, alarms: AlarmLog) -> Console:
        near = self._pair(name)
        transcript = Transcript(folder / f"{name}.log")
        self._parts.callback(transcript.close)
        console = Console(name, near, transcript, alarms)
        self._parts.callback(console.close)
        return console

    @property
    def inherited(self) -> dict[str, int]:
        """The descriptors for QEMU by console; that of the control channel is ``qmp_fd``."""
        return {name: self._far[name].fileno() for name in self.consoles}

    @property
    def qmp_fd(self) -> int:
        """The descriptor for QEMU's end of the control channel."""
        return self._far[_QMP].fileno()

    def hand_over(self) -> None:
        """Close the far ends: QEMU has them, and its end closes the lines."""
        for end in self._far.values():
            end.close()

    def close(self) -> None:
        """Close everything, also if a part of it raises. Idempotent."""
        self._parts.close()
