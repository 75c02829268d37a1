# SPDX-License-Identifier: BSD-3-Clause
"""The ``cca`` section of a labgrid environment file, as a frozen value.

::

    options:
      coordinator_address: lab.example:20408
    cca:
      tags: {board: rme}                   # which places (needed); ``name: X``: the place X
      consoles: {ns: ns, secure: secure}   # console of ours: name of the place's serial port
      deploy: flash-board {place} {flash}  # run before power is switched on; optional
      boot_timeout_s: 60                   # from power on to the monitor's ready line
      alive_s: 10                          # from power on to the first byte on any console
      wait_s: 900                          # most time to wait for a free place
      off_s: 2                             # how long power stays off
      without: [wiping]                    # capabilities of the stack that the boards lack
      ssh: {key: FILE, host_key: AAAA…}    # private key, the server's public one; optional
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields

from harness.errors import StackError
from harness.lab.faults import LabSettingsError
from harness.stack.capabilities import require_capability

NS = "ns"
"""The console that the monitor serves: every board must have it."""

BOOT_TIMEOUT_S = 60.0
ALIVE_S = 10.0
WAIT_S = 900.0
OFF_S = 2.0
DEPLOY_FIELDS = ("place", "flash", "bl1", "fip")


@dataclass(frozen=True, slots=True, kw_only=True)
class LabSettings:
    """What the ``cca`` section says; see the module."""

    tags: Mapping[str, str]
    consoles: Mapping[str, str]
    deploy: str = ""
    boot_timeout_s: float = BOOT_TIMEOUT_S
    alive_s: float = ALIVE_S
    wait_s: float = WAIT_S
    off_s: float = OFF_S
    without: tuple[str, ...] = ()
    ssh: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def parse(cls, section: object, where: str) -> LabSettings:
        """Validate a section. Raises ``LabSettingsError``."""
        if section is None:
            section = {}
        if not isinstance(section, dict):
            raise LabSettingsError(f"{where}: wants a mapping, got {section!r}")
        known = [one.name for one in fields(cls)]
        for key in section:
            if key not in known:
                raise LabSettingsError(
                    f"{where}: unknown key {key!r}", hint=f"valid: {', '.join(known)}"
                )
        settings = cls(
            tags=_texts(section.get("tags"), f"{where} tags"),
            consoles=_consoles(section.get("consoles"), f"{where} consoles"),
            deploy=_deploy(section.get("deploy", ""), f"{where} deploy"),
            boot_timeout_s=_seconds(section, "boot_timeout_s", BOOT_TIMEOUT_S, where),
            alive_s=_seconds(section, "alive_s", ALIVE_S, where),
            wait_s=_seconds(section, "wait_s", WAIT_S, where),
            off_s=_seconds(section, "off_s", OFF_S, where),
            without=_capabilities(section.get("without", []), f"{where} without"),
            ssh=_ssh(section.get("ssh"), f"{where} ssh"),
        )
        if not settings.tags:
            raise LabSettingsError(
                f"{where}: has no tags: every place of the lab would be switched on and written to",
                hint="tags: {board: rme} or tags: {name: PLACE}, see docs/lab.md",
            )
        return settings


def _texts(value: object, where: str) -> dict[str, str]:
    if value is None:
        return {}
    if isinstance(value, dict) and all(isinstance(v, str | int) for v in value.values()):
        return {str(key): str(text) for key, text in value.items()}
    raise LabSettingsError(f"{where}: wants names and texts, got {value!r}")


def _consoles(value: object, where: str) -> dict[str, str]:
    consoles = _texts(value, where) or {NS: NS}
    if NS not in consoles:
        raise LabSettingsError(
            f"{where}: there is no {NS!r} among {', '.join(consoles)}",
            hint="it is the line on which the monitor answers",
        )
    return consoles


def _ssh(value: object, where: str) -> dict[str, str]:
    ssh = _texts(value, where)
    if ssh and set(ssh) != {"key", "host_key"}:
        raise LabSettingsError(
            f"{where}: wants key and host_key, got {', '.join(ssh)}",
            hint="key: a private ed25519 key's file; host_key: base64, as in known_hosts",
        )
    return ssh


def _deploy(value: object, where: str) -> str:
    if not isinstance(value, str):
        raise LabSettingsError(f"{where}: wants a command line, got {value!r}")
    try:
        value.format(**dict.fromkeys(DEPLOY_FIELDS, ""))
    except (KeyError, IndexError, ValueError) as problem:
        raise LabSettingsError(
            f"{where}: {value!r} has an unknown field {problem}",
            hint=f"fields: {', '.join(f'{{{name}}}' for name in DEPLOY_FIELDS)}",
        ) from problem
    return value


def _seconds(section: Mapping[str, object], key: str, default: float, where: str) -> float:
    value = section.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not value >= 0:
        raise LabSettingsError(f"{where} {key}: wants seconds, got {value!r}")
    return float(value)


def _capabilities(value: object, where: str) -> tuple[str, ...]:
    if isinstance(value, list) and all(isinstance(name, str) for name in value):
        try:
            for name in value:
                require_capability(name, (), where)
        except StackError as unknown:
            raise LabSettingsError(unknown.message, hint=unknown.hint) from None
        return tuple(value)
    raise LabSettingsError(f"{where}: wants a list of names, got {value!r}")
