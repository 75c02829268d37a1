# SPDX-License-Identifier: BSD-3-Clause
"""What a stack needs on this machine before it can be built."""

from __future__ import annotations

from harness.stack.debian_packages import NEEDS as PACKAGE_NEEDS
from harness.stack.debian_source import UNPACK_NEEDS
from harness.stack.in_tree import in_tree_needs
from harness.stack.kbuild import KBUILD_NEEDS
from harness.stack.kbuild_source import KbuildSource
from harness.stack.kmodule import MODULE_NEEDS
from harness.stack.spec import (
    Component,
    DebianPackages,
    DebianSource,
    DebianSourcePackage,
    InTreeSource,
    KernelModuleSource,
    RootfsSource,
    Stack,
)


def stack_needs(stack: Stack) -> list[str]:
    """Name the programs and headers (see ``harness.provision``) that a stack's sources need."""
    names: list[str] = []
    for component in stack.components.values():
        names += component_needs(component)
    return list(dict.fromkeys(names))


def component_needs(component: Component) -> list[str]:
    """Name what one component needs; local and prebuilt sources are their owner's business."""
    match component.source:
        case DebianSource():
            return [component.outputs["program"]]
        case InTreeSource():
            return list(in_tree_needs(component.name))
        case DebianSourcePackage() as source:
            return [*UNPACK_NEEDS, *source.needs]
        case KernelModuleSource():
            return list(MODULE_NEEDS)
        case KbuildSource():
            return list(KBUILD_NEEDS)
        case DebianPackages() | RootfsSource():
            return list(PACKAGE_NEEDS)
        case _:
            return []
