# SPDX-License-Identifier: BSD-3-Clause
"""The pytest plugin: the only part of the harness that imports pytest."""

pytest_plugins = [
    "harness.plugin.options",
    "harness.plugin.session",
    "harness.plugin.lab",
    "harness.plugin.device",
    "harness.plugin.requirements",
    "harness.plugin.fixtures",
    "harness.plugin.hosting",
    "harness.plugin.launching",
    "harness.plugin.prepared",
    "harness.plugin.recipes",
    "harness.plugin.games",
    "harness.plugin.scenarios",
    "harness.plugin.report",
    "harness.plugin.outcomes",
    "harness.plugin.coverage",
    "harness.plugin.results",
    "harness.plugin.flakes",
    "harness.plugin.budget",
    "harness.plugin.cores",
    "harness.plugin.crashed",
    "harness.plugin.finishing",
    "harness.plugin.full_disk",
    "harness.plugin.recordings",
]
