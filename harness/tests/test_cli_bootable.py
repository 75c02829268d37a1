# SPDX-License-Identifier: BSD-3-Clause
"""What commands boot: with the plugin where it can be had, without where not."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from harness.cli import bootable
from harness.errors import BuildError, ProvisionError
from harness.stack import BuiltStack, Progress, load_stack

PLUGIN = Path("/cache/libcca-tap.so")


@pytest.fixture(autouse=True)
def built(monkeypatch: pytest.MonkeyPatch) -> BuiltStack:
    made = cast("BuiltStack", SimpleNamespace(hash="abc"))
    monkeypatch.setattr(bootable, "build_stack", lambda *_, **__: made)
    return made


def put(monkeypatch: pytest.MonkeyPatch, found: Path | str | Exception) -> bootable.Bootable:
    def find(*_: object) -> Path | str:
        if isinstance(found, Exception):
            raise found
        return found

    monkeypatch.setattr(bootable, "find_plugin", find)
    return bootable.put(load_stack("embedded"), Progress())


def test_the_plugin_is_there_and_records_nothing(
    monkeypatch: pytest.MonkeyPatch, built: BuiltStack
) -> None:
    made = put(monkeypatch, PLUGIN)
    assert made.built is built
    assert made.tap is not None
    assert (made.tap.plugin, made.tap.record) == (PLUGIN, False)


@pytest.mark.parametrize("why", ["plugins need -accel tcg", ProvisionError("missing gcc")])
def test_it_boots_without_where_there_can_be_none(
    monkeypatch: pytest.MonkeyPatch, why: str | Exception
) -> None:
    assert put(monkeypatch, why).tap is None


def test_a_plugin_that_does_not_compile_is_no_plugin_that_lacks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(BuildError, match="does not compile"):
        put(monkeypatch, BuildError("the plugin does not compile"))
