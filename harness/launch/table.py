# SPDX-License-Identifier: BSD-3-Clause
"""The table of options for people: ``docs/launchers.md`` holds what is made here."""

from __future__ import annotations

from collections.abc import Mapping

from harness.launch.abilities import LAUNCHERS
from harness.launch.config import FIELDS
from harness.launch.uapi import EXPLICIT, SERIES
from harness.launch.words import Launcher, Row

TESTED_BY: Mapping[str, str] = {
    "kernel": "test_vm_is_no_realm_although_its_guest_comes_up",
    "payload": "test_option_is_expressed",
    "initrd": "test_vm_is_no_realm_although_its_guest_comes_up",
    "measured_initrd": "test_option_that_a_launcher_cannot_express_is_an_error",
    "command_line": "test_vm_is_no_realm_although_its_guest_comes_up",
    "memory_bytes": "test_realm_has_the_memory_that_was_asked_for",
    "recs": "test_recs_are_created_in_ascending_mpidr_order",
    "page_size_bytes": "test_option_is_expressed",
    "sve_vl_bits": "test_option_is_expressed",
    "pmu_counters": "test_option_is_expressed",
    "breakpoints": "test_option_is_expressed",
    "watchpoints": "test_option_is_expressed",
    "hash_algorithm": "test_realm_is_measured_as_was_asked_for",
    "rpv": "test_realm_is_measured_as_was_asked_for",
    "console": "test_realm_boots_to_its_console",
    "disk": "test_option_is_expressed",
    "network": "test_option_is_expressed",
    "shared_bytes": "test_option_is_expressed",
    "script": "test_realm_does_what_the_script_says",
    "extra": "test_words_of_the_launchers_own_come_last",
    "trace": "test_realm_run_traces_what_happens",
}
"""The test of each option: its words on the command line, or, where there is one, its effect."""


def option_table() -> str:
    """One row for each field of ``RealmConfig``, as Markdown."""
    launchers = tuple(kind.make(EXPLICIT, None) for kind in LAUNCHERS.values())
    head = ["flag", *(kind.title for kind in LAUNCHERS.values()), "tested by"]
    rows = [[f"`{name}`", *_cells(name, launchers), f"`{TESTED_BY[name]}`"] for name in FIELDS]
    return "\n".join(_line(row) for row in (head, ["---"] * len(head), *rows))


def series_table() -> str:
    """One row for each posting of KVM's host patches, as Markdown."""
    head = ["series", "RMM", "capability", "steps of the VMM", "hash and RPV", "type bit"]
    rows = [
        [
            f"v{series.version}",
            series.rmm,
            f"`{series.capability}`",
            ", ".join(series.uapi.steps),
            "chosen" if series.uapi.chooses_measurement else "fixed",
            f"{series.type_bit}{'' if series.certain else ' (uncertain)'}",
        ]
        for series in SERIES
    ]
    return "\n".join(_line(row) for row in (head, ["---"] * len(head), *rows))


def _cells(name: str, launchers: tuple[Launcher, ...]) -> list[str]:
    return [_cell(launcher.rows[name]) for launcher in launchers]


def _cell(row: Row) -> str:
    shown = getattr(row, "shown", "")
    return shown or f"no: {getattr(row, 'why', '')}"


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"
