# SPDX-License-Identifier: BSD-3-Clause
"""The ABI header as an input of builds."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import BuildError
from harness.stack import Cache, abi_header


def test_header_is_written_and_its_hash_remembered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = Cache(tmp_path / "cache")
    first = abi_header.header_hash(cache)
    monkeypatch.setattr(abi_header, "_COMMAND", ("false",))
    assert abi_header.header_hash(cache) == first
    assert abi_header.header_hash(Cache(tmp_path / "cache")) == first


def test_failure_is_a_build_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(abi_header, "_COMMAND", ("sh", "-c", "echo bad table >&2; exit 3"))
    with pytest.raises(BuildError, match="failed, exit status 3\nbad table"):
        abi_header.write_header(tmp_path / "x.h")
