# SPDX-License-Identifier: BSD-3-Clause
"""The tap in a session: when it is on, what is compared, what a report shows of it."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from harness.errors import ProvisionError, StackError
from harness.link.protocol import OP_PROGRAM, STATUS_ABORT, Reply
from harness.plugin.tapping import TapDiffers, Watch, add_tap_options, choose_tap
from harness.stack import BuiltStack, Stack, load_stack, tap_plugin
from harness.tap import Tap
from harness.tests.fake_host import FakeHost
from harness.tests.tap_files import Writer, fid

PLUGIN = Path("/cache/libcca-tap.so")


def config(*, tap: bool | None = None, limit_mib: int = 1) -> pytest.Config:
    values = {"cca_tap": tap, "cca_tap_limit": limit_mib}
    return cast("pytest.Config", SimpleNamespace(getoption=values.__getitem__))


@pytest.fixture
def stack() -> Stack:
    return load_stack("embedded")


@pytest.fixture
def built(tmp_path: Path, stack: Stack) -> BuiltStack:
    qemu = tmp_path / "qemu"
    qemu.write_text("#!/bin/sh\n")
    qemu.chmod(0o755)
    made = SimpleNamespace(qemu=qemu, hash="abc", machine=stack.machine)
    return cast("BuiltStack", made)


@pytest.fixture(autouse=True)
def _built_plugin(monkeypatch: pytest.MonkeyPatch) -> None:
    def build(stack: Stack, **_: object) -> Path | None:
        return PLUGIN if "tap" in stack.components else None

    monkeypatch.setattr(tap_plugin, "build_tap", build)


def without_tap(stack: Stack) -> Stack:
    kept = {name: part for name, part in stack.components.items() if name != "tap"}
    return dataclasses.replace(stack, components=kept)


def test_it_is_on_where_it_can_be(stack: Stack, built: BuiltStack) -> None:
    chosen, why = choose_tap(config(), stack, built)
    assert chosen is not None
    assert (chosen.plugin, chosen.stack_hash, chosen.limit_bytes) == (PLUGIN, "abc", 1 << 20)
    assert why == ""


@pytest.mark.parametrize("limit", ["-5", "all", "1.5"])
def test_a_limit_is_a_number_from_0_on(limit: str, capsys: pytest.CaptureFixture[str]) -> None:
    parser = pytest.Parser(_ispytest=True)
    add_tap_options(parser.getgroup("cca"))
    assert parser.parse(["--tap-limit", "0"]).cca_tap_limit == 0
    with pytest.raises(pytest.UsageError, match=f"--tap-limit: {limit} is not a number from 0 on"):
        parser.parse([f"--tap-limit={limit}"])


def test_it_is_off_on_demand(stack: Stack, built: BuiltStack) -> None:
    chosen, why = choose_tap(config(tap=False), stack, built)
    assert (chosen and chosen.record, why) == (False, "--no-tap")


def test_a_stack_without_one(stack: Stack, built: BuiltStack) -> None:
    bare = without_tap(stack)
    assert choose_tap(config(), bare, built) == (None, "stack embedded has no component tap")
    with pytest.raises(StackError, match="--tap: stack embedded has no component tap"):
        choose_tap(config(tap=True), bare, built)


def test_a_qemu_that_refuses_the_plugin(stack: Stack, built: BuiltStack) -> None:
    built.qemu.write_text("#!/bin/sh\necho '-plugin: invalid option' >&2\nexit 1\n")
    chosen, why = choose_tap(config(), stack, built)
    assert chosen is None
    assert why.endswith("/qemu refuses the plugin: -plugin: invalid option")


def test_a_qemu_that_cannot_be_run(stack: Stack, built: BuiltStack) -> None:
    built.qemu.chmod(0o644)
    chosen, why = choose_tap(config(), stack, built)
    assert chosen is None
    assert "cannot be asked whether it takes plugins" in why


def test_an_accelerator_without_plugins(stack: Stack, built: BuiltStack) -> None:
    other = SimpleNamespace(**{**vars(built), "machine": SimpleNamespace(accel="kvm")})
    chosen, why = choose_tap(config(), stack, cast("BuiltStack", other))
    assert (chosen, why) == (None, "plugins need -accel tcg, the stack has kvm")


def test_a_machine_without_a_compiler(
    stack: Stack, built: BuiltStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lacking(*_: object, **__: object) -> Path:
        raise ProvisionError("[tap]: missing gcc", hint="install it")

    monkeypatch.setattr(tap_plugin, "build_tap", lacking)
    assert choose_tap(config(), stack, built) == (None, "[tap]: missing gcc")
    with pytest.raises(ProvisionError, match="missing gcc"):
        choose_tap(config(tap=True), stack, built)


def test_calls_of_the_link_are_compared(tmp_path: Path) -> None:
    host, writer = FakeHost(), Writer()
    values = host.smc(fid("RMI_VERSION"), 0x10000)
    host.watchers.clear()
    call = writer.call("RMI_VERSION", 0x10000)
    writer.back(call, *values)
    writer.call("RMI_FEATURES")
    writer.call("RMI_FEATURES")
    path = writer.write(tmp_path / "x.tap")
    watch = Watch(Tap(path, from_start=True), host)
    host.smc(fid("RMI_VERSION"), 0x10000)
    [book] = host.watchers
    entry = host.log[-1]
    book(entry._replace(op=OP_PROGRAM, reply=Reply(0, (1, *entry.reply.values[1:]))))
    result = watch.check()
    assert result is not None
    assert (result.same, result.own) == (1, 2)
    book(entry._replace(reply=Reply(STATUS_ABORT, entry.reply.values)))
    with pytest.raises(TapDiffers, match=r"the tap did not see PE 0: .* -> abort"):
        watch.check()
    watch.begin()
    assert watch.check() is not None


def test_without_the_option_nothing_is_compared(tmp_path: Path) -> None:
    writer = Writer()
    writer.call("RMI_VERSION")
    watch = Watch(Tap(writer.write(tmp_path / "x.tap"), from_start=True), None)
    assert watch.check() is None
