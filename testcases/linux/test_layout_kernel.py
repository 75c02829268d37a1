# SPDX-License-Identifier: BSD-3-Clause
"""Structures of the host's kernel, out of its own type information, against the ABI tables."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.layouts import LayoutError, Layouts, compare_structure, known_structures, read_layouts
from harness.layouts.compare import find_structure, kernel_names
from harness.stack import BuiltStack

pytestmark = [pytest.mark.linux]

KVM_RUN = {
    "request_interrupt_window": (0, 1),
    "exit_reason": (8, 4),
    "mmio.phys_addr": (32, 8),
    "mmio.data": (40, 8),
    "mmio.len": (48, 4),
    "mmio.is_write": (52, 1),
}
"""Members of ``struct kvm_run`` that user space has relied on for ever."""


@pytest.fixture(scope="module")
def kernel(host_stack: BuiltStack) -> Layouts:
    """The types of the host's kernel: of its vmlinux where there is one, else of its Image."""
    file: Path = host_stack.elfs.get("kernel") or host_stack.images["kernel"]
    try:
        return read_layouts(file)
    except LayoutError as problem:
        pytest.skip(f"the kernel has no type information: {problem.message}")


def test_layout_reader_reads_this_kernel(kernel: Layouts) -> None:
    """A control: the user interface of KVM lies where every VMM expects it."""
    layout = kernel.struct("kvm_run")
    assert layout is not None
    seen = {m.name: (m.offset, m.size) for m in layout.members if m.name in KVM_RUN}
    assert seen == KVM_RUN


@pytest.mark.parametrize("structure", known_structures("1.0"))
def test_layout_of_the_hosts_realm_abi(
    kernel: Layouts, host_stack: BuiltStack, structure: str
) -> None:
    """Offsets and sizes of the host's RMI structures are those of the tables (KVM 04, 05)."""
    layout = find_structure(kernel, structure)
    if layout is None:
        names = " or ".join(kernel_names(structure))
        pytest.skip(f"{host_stack.versions['kernel']} has no struct {names}: no realms in its KVM")
    version = "2.0" if "rmi-2.0" in host_stack.capabilities else "1.0"
    differences = compare_structure(layout, structure, version)
    assert [str(difference) for difference in differences] == []
