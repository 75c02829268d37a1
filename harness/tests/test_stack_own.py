# SPDX-License-Identifier: BSD-3-Clause
"""The stack file of ``docs/your-stack.md`` is one."""

from __future__ import annotations

import re
from pathlib import Path

from harness.stack import load_stack
from harness.stack.kbuild_source import KbuildSource
from harness.stack.needs import stack_needs
from harness.stack.spec import LocalSource, PrebuiltSource

PAGE = Path(__file__).resolve().parents[2] / "docs" / "your-stack.md"


def test_stack_file_of_the_page_is_valid(tmp_path: Path) -> None:
    found = re.search(r"```toml\n(name = .*?)```", PAGE.read_text(), re.DOTALL)
    assert found is not None
    (tmp_path / "cca.config").write_text("CONFIG_KVM=y\n")
    (tmp_path / "mine.toml").write_text(found[1])
    stack = load_stack(str(tmp_path / "mine.toml"))
    kernel = stack.components["kernel"].source
    assert isinstance(kernel, KbuildSource)
    assert kernel.fragments == (str(tmp_path / "cca.config"),)
    assert isinstance(stack.components["vmm"].source, LocalSource)
    realm = stack.components["realm"]
    assert isinstance(realm.source, PrebuiltSource)
    assert realm.outputs["map"] == "/srv/guest/System.map"
    assert "module" not in stack.components
    assert {"flex", "bison", "bc"} <= set(stack_needs(stack))
