# SPDX-License-Identifier: BSD-3-Clause
"""Asks a host what it can do: one command, one answer, parsed here."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Protocol

from harness.errors import HarnessError
from harness.launch.abilities import LAUNCHERS, PROBE, HostAbilities, Program

TIMEOUT_S = 60.0
_SECTION = "@@cca@@"
_NO_VERSION = "unrecognized option"
_VERSION = re.compile(r"(?<!Unsupported )RMI ABI version (\d+\.\d+)")

_LOG = "RMI ABI|RMI configured|RMM (config|activate|doesn|does not)|Granule tracking|GPT Level1"

_TOOLS = "\n".join(
    f"tool {kind.program} {' '.join(map(shlex.quote, kind.asks))}"
    for kind in LAUNCHERS.values()
    if kind.asks
)

QUESTION = f"""
say() {{ echo "{_SECTION} $1"; }}
tool() {{
    path=$(command -v "$1") || return 0
    say "program $1"; echo "$path"; "$1" --version 2>&1 </dev/null | head -n 1
    shift; for ask in "$@"; do sh -c "$ask" 2>&1 </dev/null; done
}}
say kernel; uname -r
say pages
getconf PAGESIZE 2>/dev/null || awk '/KernelPageSize/ {{print $2 * 1024; exit}}' /proc/1/smaps
say devices; ls -1 /dev/kvm /dev/rmi 2>/dev/null
say log; dmesg | grep -E '{_LOG}'
say btf; ls -1 /sys/kernel/btf/vmlinux 2>/dev/null
say probe; [ -x {PROBE} ] && {PROBE}
{_TOOLS}
say end
"""
"""For any POSIX shell; what is not there is silent."""


class CannotAsk(HarnessError):
    """A host did not answer what it can do."""

    verdict = "stack"


class Answer(Protocol):
    """The result of a command."""

    @property
    def output(self) -> str:
        """What it printed."""


class Asked(Protocol):
    """What is asked: a shell on the host (``harness.shell.Shell`` is one)."""

    def run(self, command: str, *, timeout_s: float = ...) -> Answer:
        """Run a command line to its end."""

    def put(self, source: Path | bytes, remote: str, mode: int = ...) -> None:
        """Write a file on the host."""


def ask_host(shell: Asked, probe: Path | None = None) -> HostAbilities:
    """Ask a host; ``probe`` is the built ``images/linux/kvm-probe``, without it KVM is not asked.

    Raises ``CannotAsk``, and what the shell raises.
    """
    if probe is not None:
        shell.put(probe, PROBE, 0o755)
    return parse_answer(shell.run(QUESTION, timeout_s=TIMEOUT_S).output)


def parse_answer(text: str) -> HostAbilities:
    """Turn the answer into values. Raises ``CannotAsk`` where it is not whole."""
    sections = dict(_sections(text))
    if "end" not in sections:
        last = "\n".join(f"  | {line}" for line in text.splitlines()[-5:])
        raise CannotAsk(
            f"the host did not say to the end what it can do; its last lines:\n{last}",
            hint="is its shell a POSIX shell with coreutils or busybox?",
        )
    log = tuple(sections["log"])
    found = [match[1] for line in log if (match := _VERSION.search(line))]
    refused = any("Unsupported RMI ABI" in line for line in log)
    return HostAbilities(
        kernel=_first(sections["kernel"], "?"),
        page_bytes=_number(_first(sections["pages"], "0")),
        devices=frozenset(sections["devices"]),
        log=log,
        rmi_version="" if refused or not found else found[-1],
        created=_created(sections["probe"]),
        capabilities=_capabilities(sections["probe"]),
        programs=dict(_programs(sections)),
        btf=bool(sections["btf"]),
    )


def _sections(text: str) -> Iterator[tuple[str, list[str]]]:
    name, lines = "", list[str]()
    for line in text.replace("\r", "").splitlines():
        if line.startswith(_SECTION):
            yield name, lines
            name, lines = line.removeprefix(_SECTION).strip(), []
        else:
            lines.append(line)
    yield name, lines


def _programs(sections: Mapping[str, list[str]]) -> Iterator[tuple[str, Program]]:
    for name, lines in sections.items():
        if name.startswith("program ") and lines:
            path, version, *rest = [*lines, ""]
            said = "" if _NO_VERSION in version else version
            yield name.removeprefix("program "), Program(path, said, "\n".join(rest))


def _created(lines: list[str]) -> dict[str, int]:
    return {key: -value for kind, key, value in _probed(lines) if kind == "create"}


def _capabilities(lines: list[str]) -> dict[str, dict[str, int]]:
    kinds: dict[str, dict[str, int]] = {}
    for kind, key, value in _probed(lines):
        if kind in ("host", "vm", "realm"):
            kinds.setdefault(kind, {})[key] = value
    return kinds


def _probed(lines: list[str]) -> Iterator[tuple[str, str, int]]:
    for line in lines:
        match line.split():
            case [kind, key, value] if re.fullmatch(r"-?\d+", value):
                yield kind, key, int(value)
            case _:
                continue


def _first(lines: list[str], otherwise: str) -> str:
    return next(iter(lines), otherwise)


def _number(text: str) -> int:
    return int(text) if text.isdigit() else 0


def describe(host: HostAbilities) -> list[str]:
    """Lines for a person: what the host can do, and why not the rest."""
    lines = [
        f"kernel {host.kernel}, pages of {host.page_bytes >> 10} KiB",
        f"RMI {host.rmi_version} (host log)" if host.rmi_version else "RMI: no line in the log",
    ]
    for capability in ("kvm", "kvm-realms", "dev-rmi", "kernel-btf"):
        reason = host.lacking(capability)
        lines.append(f"{capability}: {reason or 'yes'}")
    for name in LAUNCHERS:
        reason = host.lacks(name)
        lines.append(f"launcher {name}: {reason or 'yes'}")
    for name, program in host.programs.items():
        lines.append(f"{name}: {program.path} {program.version}".rstrip())
    return lines
