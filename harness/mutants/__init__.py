# SPDX-License-Identifier: BSD-3-Clause
"""Planted faults: patches of the in-tree RMM, each of which must make a test case fail."""

from harness.mutants.hunt import Hunt, Verdict
from harness.mutants.patches import Fault, load_faults, portions_of
from harness.mutants.plant import Planted, plant
from harness.mutants.runner import Failure, PytestRunner, Run, Runner
from harness.mutants.snapshot import snapshot
from harness.mutants.table import read_table, render_table

__all__ = [
    "Failure",
    "Fault",
    "Hunt",
    "Planted",
    "PytestRunner",
    "Run",
    "Runner",
    "Verdict",
    "load_faults",
    "plant",
    "portions_of",
    "read_table",
    "render_table",
    "snapshot",
]
