# SPDX-License-Identifier: BSD-3-Clause
"""A leased place as labgrid's target: its power driver, its serial ports, its SSH address.

Everything here blocks and runs outside of the event loop.
"""

from __future__ import annotations

import copy
from typing import Any

from labgrid import Target, target_factory
from labgrid.exceptions import NoDriverFoundError
from labgrid.resource.remote import RemotePlace, RemotePlaceManager
from labgrid.util.proxy import proxymanager

from harness.lab.faults import LabFault
from harness.lab.session import Session

_DRIVERS = {
    "NetworkPowerPort": "NetworkPowerDriver",
    "PDUDaemonPort": "PDUDaemonDriver",
    "NetworkUSBPowerPort": "USBPowerDriver",
    "NetworkSiSPMPowerPort": "SiSPMPowerDriver",
    "TasmotaPowerPort": "TasmotaPowerDriver",
    "NetworkYKUSHPowerPort": "YKUSHPowerDriver",
}
"""Which driver switches which resource, where the environment file names no driver."""


def make_target(session: Session, place: str, env: Any) -> Any:
    """The target of a leased place: the environment's first one, or one made of the place alone.

    ``{place}`` in a setting of a driver stands for the place's name.
    """
    manager = RemotePlaceManager.get()
    manager.session, manager.loop, manager.env = session, session.loop, env
    targets = env.config.get_targets()
    if not targets:
        target = Target(place, env=env)
        RemotePlace(target, name=place)
        return target
    config = _filled(copy.deepcopy(next(iter(targets.values()))), place)
    config["resources"] = _with_place(config.get("resources") or {}, place)
    return target_factory.make_target(place, config, env=env)


def _with_place(resources: Any, place: str) -> list[dict[str, Any]]:
    """The resources of the file; a remote place among them is the one that was leased."""
    items = [{k: v} for k, v in resources.items()] if isinstance(resources, dict) else resources
    others = [item for item in items if "RemotePlace" not in item]
    return [{"RemotePlace": {"name": place}}, *others]


def _filled(value: Any, place: str) -> Any:
    if isinstance(value, dict):
        return {key: _filled(inner, place) for key, inner in value.items()}
    if isinstance(value, list):
        return [_filled(inner, place) for inner in value]
    return value.replace("{place}", place) if isinstance(value, str) else value


def power_driver(target: Any) -> Any:
    """The active driver that switches a target's power. Raises ``LabFault``."""
    try:
        return target.get_driver("PowerProtocol")
    except NoDriverFoundError:
        pass
    for resource in target.resources:
        driver = _DRIVERS.get(type(resource).__name__)
        if driver is not None:
            made = target_factory.class_from_string(driver)(target, name=None)
            target.activate(made)
            return made
    raise LabFault(
        f"place {target.name} has nothing that switches its power",
        hint="export a NetworkPowerPort for it, or name a driver under targets: main: drivers:",
        place=target.name,
        broken=True,
    )


def serial_ports(target: Any) -> dict[str, dict[str, object]]:
    """Host, port and protocol of a target's serial ports, by name."""
    found = {}
    for resource in target.resources:
        if type(resource).__name__ == "NetworkSerialPort":
            host, port = proxymanager.get_host_and_port(resource)
            found[resource.name] = {"host": host, "port": port, "protocol": resource.protocol}
    return found


def ssh_service(target: Any) -> dict[str, object] | None:
    """Address, port and user of a target's SSH service, if it has one."""
    for resource in target.resources:
        if type(resource).__name__ == "NetworkService":
            return {
                "address": resource.address,
                "port": resource.port,
                "username": resource.username,
            }
    return None
