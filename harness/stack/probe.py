# SPDX-License-Identifier: BSD-3-Clause
"""The program that asks a host's KVM what it offers: built here, run there."""

from __future__ import annotations

from pathlib import Path

from harness.stack.cache import Cache
from harness.stack.components import CHECKOUT, BuildContext, build_component
from harness.stack.progress import Progress
from harness.stack.spec import Component, InTreeSource


def build_kvm_probe(cache: Cache | None = None, *, checkout: Path = CHECKOUT) -> Path:
    """Return the static arm64 program. Raises StackError, BuildError or ProvisionError."""
    source = InTreeSource(path="images/linux/kvm-probe", inputs=())
    component = Component("kvm-probe", source, {"image": "kvm-probe"})
    context = BuildContext(cache or Cache(), Progress(), checkout)
    return build_component(component, context).outputs["image"]
