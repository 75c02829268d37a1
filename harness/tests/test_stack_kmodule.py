# SPDX-License-Identifier: BSD-3-Clause
"""Kernel modules: headers that lie anywhere, and what is wrong with them."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import StackError
from harness.stack import load_stack
from harness.stack.kmodule import MODULE_NEEDS, relocate_headers
from harness.stack.needs import component_needs


def headers(root: Path, version: str) -> Path:
    folder = root / f"usr/src/linux-headers-{version}"
    folder.mkdir(parents=True)
    (folder / "Module.symvers").touch()
    common = f"/usr/src/linux-headers-{version}-common/Makefile"
    (folder / "Makefile").write_text(f"# made\ninclude {common}\ninclude local.mk\n")
    return folder


def test_headers_find_the_common_ones_where_they_were_unpacked(tmp_path: Path) -> None:
    folder = headers(tmp_path, "6.12-arm64")
    assert relocate_headers(tmp_path, "[module]") == folder
    assert (folder / "Makefile").read_text() == (
        f"# made\ninclude {tmp_path}/usr/src/linux-headers-6.12-arm64-common/Makefile\n"
        "include local.mk\n"
    )


@pytest.mark.parametrize("versions", [(), ("6.12-a", "6.12-b")])
def test_headers_of_no_kernel_or_of_two_are_refused(
    tmp_path: Path, versions: tuple[str, ...]
) -> None:
    for version in versions:
        headers(tmp_path, version)
    with pytest.raises(StackError, match=f"headers of {len(versions)} kernels, wanted one"):
        relocate_headers(tmp_path, "[module]")


def test_needs_of_modules_and_host_programs_are_named() -> None:
    """`cca doctor` asks for a compiler and, for a program, for a C library to link with."""
    components = load_stack("embedded-linux").components
    assert component_needs(components["module"]) == list(MODULE_NEEDS)
    assert "aarch64-linux-gnu/include/stdio.h" in component_needs(components["realm-run"])
