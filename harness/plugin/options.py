# SPDX-License-Identifier: BSD-3-Clause
"""Command line options of the plugin."""

from __future__ import annotations

import pytest

from harness.plugin.tapping import add_tap_options

DEVICE_LINK = "rmi-device"
"""Calls go through /dev/rmi of a Linux host."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options that choose what boots and where results go."""
    group = parser.getgroup("cca", "Arm CCA stacks and machines")
    group.addoption(
        "--stack",
        default="embedded",
        metavar="NAME|FILE",
        help="stack to boot: a shipped one (see `cca stacks`) or a stack file",
    )
    group.addoption(
        "--set",
        dest="cca_set",
        action="append",
        default=[],
        metavar="COMPONENT.KEY=VALUE",
        help="change one key of the stack, e.g. rmm.image=FILE; may be given several times",
    )
    group.addoption(
        "--link",
        dest="cca_link",
        choices=("mailbox", "serial", DEVICE_LINK),
        default="mailbox",
        help="how calls reach the normal world: shared memory, frames on the serial line, or "
        "/dev/rmi of a Linux host",
    )
    group.addoption(
        "--runs",
        dest="cca_runs",
        default=None,
        metavar="DIR",
        help="where run folders are made (default: $CCA_RUNS, or ./runs)",
    )
    add_tap_options(group)
