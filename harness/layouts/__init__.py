# SPDX-License-Identifier: BSD-3-Clause
"""Structure layouts of binaries (BTF or DWARF), compared with the ABI tables."""

from harness.layouts.compare import Difference, compare_structure, known_structures
from harness.layouts.layout import LayoutError, Layouts, Member, StructLayout
from harness.layouts.read import read_layouts

__all__ = [
    "Difference",
    "LayoutError",
    "Layouts",
    "Member",
    "StructLayout",
    "compare_structure",
    "known_structures",
    "read_layouts",
]
