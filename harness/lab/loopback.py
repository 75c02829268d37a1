# SPDX-License-Identifier: BSD-3-Clause
"""A whole lab on this machine: labgrid's coordinator and exporter, boards made of QEMUs.

``python -m harness.lab.loopback FOLDER [COMMAND]`` runs one until Ctrl-C, or while a command runs,
and writes ``FOLDER/lab.yaml`` for ``--lab``. Every process ends with this one; every port is one
that the system chose.
"""

from __future__ import annotations

import contextlib
import json
import re
import shlex
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Self

from harness.deadline import Deadline
from harness.errors import HarnessError
from harness.lab.board import HOST, READY, BoardConfig, BoardShape
from harness.machine.argv import CONSOLE_NAMES, Bootable
from harness.machine.process import ChildProcess

_READY_S = 60.0
_LISTENING = re.compile(r"listening on \S+:(\d+)")
EXPORTER = "loopback"
TAG = ("board", "loopback")


class LoopbackBoard:
    """One board's process, from outside."""

    def __init__(self, config: BoardConfig) -> None:
        self.name = config.name
        self._config = config
        config.folder.mkdir(parents=True, exist_ok=True)
        ready_file = config.folder / READY
        ready_file.unlink(missing_ok=True)  # of another lab in the same folder
        file = config.write(config.folder / "board.json")
        argv = [sys.executable, "-m", "harness.lab.board", str(file)]
        self.process = ChildProcess.start(argv, [], config.folder / "board.log")
        _wait(ready_file.exists, self.process, f"board {self.name}")
        ready = json.loads(ready_file.read_text(encoding="utf-8"))
        self.switch: str = ready["switch"]
        self.ports: dict[str, int] = ready["serial"]

    def exports(self) -> dict[str, dict[str, object]]:
        """The board's group in the exporter's file."""
        power: dict[str, object] = {
            "cls": "NetworkPowerPort",
            "model": "simplerest",
            "host": f"{self.switch}/power/{{index}}/{{value}}",
            "index": 0,
        }
        serial: dict[str, dict[str, object]] = {
            name: {
                "cls": "NetworkSerialPort",
                "host": HOST,
                "port": self.ports[name],
                "protocol": "rfc2217" if name in self._config.telnet else "raw",
            }
            for name in CONSOLE_NAMES
        }
        return {"power": power, **serial}

    def hang(self) -> None:
        """Make it hang for good."""
        self._get("/fault/hang")

    def powered(self) -> bool:
        """Whether its power is on."""
        return self._get("/power/0") == "1"

    def _get(self, path: str) -> str:
        with urllib.request.urlopen(f"{self.switch}{path}", timeout=30) as answer:
            return str(answer.read().decode())

    def kill(self) -> None:
        """End it at once: board, serial servers and switch."""
        self.process.stop(soft_s=0)


class LoopbackLab:
    """A running lab. Made by ``start``, ended by ``stop`` or with this process."""

    def __init__(self, folder: Path) -> None:
        """Internal: use ``start``."""
        self.folder = folder
        self.env = folder / "lab.yaml"
        self.address = ""
        self.boards: dict[str, LoopbackBoard] = {}
        self.coordinator: ChildProcess | None = None
        self.exporter: ChildProcess | None = None
        self.ssh: dict[str, object] = {}
        """A ``NetworkService`` that the exporter offers for each board, if this is not empty."""

    @classmethod
    def start(cls, folder: Path, what: Bootable, count: int = 4) -> Self:
        """Start everything; return when the exporter is connected. Raises ``HarnessError``.

        The last board's ``ns`` console is telnet, the others' are raw.
        """
        folder.mkdir(parents=True, exist_ok=True)
        lab = cls(folder.absolute())
        try:
            lab._start(what, [f"board{number + 1}" for number in range(count)])
        except BaseException:
            lab.stop()
            raise
        return lab

    def _start(self, what: Bootable, names: Sequence[str]) -> None:
        for name in names:
            self.boards[name] = LoopbackBoard(
                self._config(what, name, ("ns",) if name == names[-1] else ())
            )
        self._start_coordinator(names)
        self.start_exporter()
        self.write_env()

    def _config(self, what: Bootable, name: str, telnet: tuple[str, ...]) -> BoardConfig:
        folder = self.folder / name
        folder.mkdir(parents=True, exist_ok=True)
        flash = folder / "flash.bin"
        flash.write_bytes(what.flash.read_bytes())
        shape = what.machine
        return BoardConfig(
            name=name,
            qemu=what.qemu,
            flash=flash,
            machine=BoardShape(
                memory_bytes=shape.memory_bytes,
                cpus=shape.cpus,
                cpu=shape.cpu,
                accel=shape.accel,
                machine_options=shape.machine_options,
                extra_args=tuple(shape.extra_args),
            ),
            folder=folder,
            telnet=telnet,
            elfs={},
            maps={},
        )

    def _start_coordinator(self, names: Sequence[str]) -> None:
        own = self.folder / "coordinator"
        own.mkdir(exist_ok=True)
        places = {
            name: {
                "tags": {TAG[0]: TAG[1], "number": name.removeprefix("board")},
                "matches": [{"exporter": EXPORTER, "group": name, "cls": "*"}],
            }
            for name in names
        }
        # Where labgrid keeps its places: YAML, of which JSON is a part.
        (own / "places.yaml").write_text(json.dumps(places), encoding="utf-8")
        argv = ["env", "-C", str(own), _program("labgrid-coordinator"), "-l", f"{HOST}:0"]
        log = own / "coordinator.log"
        log.unlink(missing_ok=True)
        self.coordinator = ChildProcess.start(argv, [], log)
        _wait(lambda: _LISTENING.search(log.read_text()), self.coordinator, "coordinator")
        found = _LISTENING.search(log.read_text())
        self.address = f"{HOST}:{found[1] if found else 0}"

    def start_exporter(self) -> None:
        """Start the exporter, the first time or again after it was killed.

        It ends at once while the coordinator still knows the one before: as its service would,
        it is started again then.
        """
        file = self.folder / "exporter.yaml"
        groups = {name: board.exports() for name, board in self.boards.items()}
        if self.ssh:
            for group in groups.values():
                group["ssh"] = {"cls": "NetworkService", **self.ssh}
        file.write_text(json.dumps(groups, indent=1), encoding="utf-8")
        log = self.folder / "exporter.log"
        log.unlink(missing_ok=True)
        argv = [_program("labgrid-exporter"), "-c", self.address, "-n", EXPORTER, str(file)]
        deadline = Deadline.after(_READY_S)
        while True:
            self.exporter = ChildProcess.start(argv, [], log)
            try:
                _wait(lambda: "creating poll task" in log.read_text(), self.exporter, "exporter")
            except HarnessError:
                if deadline.expired:
                    raise
                self.exporter.stop(soft_s=0)
            else:
                return

    def write_env(self, **settings: object) -> Path:
        """Write the file for ``--lab``, with these settings of ``cca`` instead of the usual."""
        copy = f"cp {{flash}} {shlex.quote(str(self.folder))}/{{place}}/flash.bin"
        section = {
            "tags": {TAG[0]: TAG[1]},
            "consoles": {name: name for name in CONSOLE_NAMES},
            "deploy": copy,
            "off_s": 0,
            **settings,
        }
        text = {"options": {"coordinator_address": self.address}, "cca": section}
        self.env.write_text(json.dumps(text, indent=1) + "\n", encoding="utf-8")
        return self.env

    def client(self, *words: str, user: str = "someone") -> str:
        """Run ``labgrid-client`` as another user; returns what it says."""
        done = subprocess.run(
            ["env", f"LG_USERNAME={user}", _program("labgrid-client"), "-x", self.address, *words],
            capture_output=True,
            text=True,
            timeout=_READY_S,
            check=False,
        )
        if done.returncode:
            raise HarnessError(f"labgrid-client {' '.join(words)}: {done.stdout}{done.stderr}")
        return done.stdout

    def acquired(self) -> dict[str, str]:
        """Who holds which place, by the coordinator's own word."""
        rows = [line.split() for line in self.client("who").splitlines()[1:]]
        return {row[2]: f"{row[1]}/{row[0]}" for row in rows if len(row) > 2}

    def steal(self, place: str, thief: str = "thief") -> None:
        """Kick whoever has a place, and take it: it is reserved, so nobody else can be faster."""
        self.client("reserve", f"name={place}", user=thief)
        with contextlib.suppress(HarnessError):
            self.client("-p", place, "release", "--kick", user=thief)
        self.client("-p", place, "acquire", user=thief)

    def stop(self) -> None:
        """End all processes. Idempotent."""
        for process in (self.exporter, self.coordinator):
            if process is not None:
                process.stop(soft_s=1.0)
        for board in self.boards.values():
            board.kill()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def _program(name: str) -> str:
    return str(Path(sys.executable).parent / name)


def _wait(ready: Callable[[], object], process: ChildProcess, what: str) -> None:
    deadline = Deadline.after(_READY_S)
    pause = threading.Event()
    while not ready():
        if process.poll() is not None or deadline.expired:
            raise HarnessError(f"the loopback lab's {what} did not start\n{process.output_tail()}")
        pause.wait(0.05)


def main() -> int:
    """Run a lab on the embedded stack: until it is interrupted, or while a command runs."""
    from harness.stack import build_stack, load_stack

    folder, command = Path(sys.argv[1]), sys.argv[2:]
    with LoopbackLab.start(folder, build_stack(load_stack("embedded"))) as lab:
        print(f"lab: coordinator {lab.address}, places {', '.join(lab.boards)}")
        print(f"scripts/regress --lab {lab.env}", flush=True)
        if command:
            return _run(lab, command)
        with contextlib.suppress(KeyboardInterrupt):
            threading.Event().wait()
    return 0


def _run(lab: LoopbackLab, command: Sequence[str]) -> int:
    """Run a command on the lab; a place that it does not give back is a failure too."""
    status = subprocess.run(command, check=False).returncode
    left = lab.acquired()
    print(f"lab: {len(left)} places left acquired {left or ''}")
    return status or int(bool(left))


if __name__ == "__main__":
    sys.exit(main())
