# SPDX-License-Identifier: BSD-3-Clause
"""Stack files and overrides: what is accepted, and the one clear error for what is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import StackError
from harness.machine.ram import RAM_BASE
from harness.realm.pool import POOL_BASE, POOL_BYTES
from harness.stack import load_stack, shipped_stacks
from harness.stack.load import POOL_END, require_memory
from harness.stack.spec import DebianSourcePackage, InTreeSource, LocalSource, PrebuiltSource
from harness.tests.stack_fakes import write_stack


def error_of(file: Path | str, *overrides: str) -> str:
    with pytest.raises(StackError) as caught:
        load_stack(str(file), overrides)
    return str(caught.value)


def edited(tmp_path: Path, old: str, new: str) -> Path:
    file = write_stack(tmp_path)
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))
    return file


def test_shipped_stacks_load() -> None:
    assert {"embedded", "trp"} <= set(shipped_stacks())
    for name in shipped_stacks():
        assert load_stack(name).name == name


def test_embedded_is_the_documented_machine() -> None:
    stack = load_stack("embedded")
    assert stack.machine.memory_bytes == 3 << 30
    assert stack.machine.cpus == 2
    assert isinstance(stack.components["tf-a"].source, DebianSourcePackage)
    assert isinstance(stack.components["rmm"].source, InTreeSource)
    assert {"rmi-1.0", "rsi-1.0", "realms", "pages-4k"} <= stack.capabilities


def test_trp_inherits_but_has_no_rmm() -> None:
    stack = load_stack("trp")
    assert "rmm" not in stack.components
    assert stack.components["tf-a"] == load_stack("embedded").components["tf-a"]
    assert "granules" in stack.capabilities
    assert "realms" not in stack.capabilities


def test_files_are_relative_to_the_stack_file(tmp_path: Path) -> None:
    stack = load_stack(str(write_stack(tmp_path)))
    assert stack.components["rmm"].outputs["image"] == str(tmp_path / "rmm.img")


def test_image_override_makes_the_component_prebuilt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    rmm = load_stack("embedded", ["rmm.image=mine.img"]).components["rmm"]
    assert rmm.source == PrebuiltSource()
    assert rmm.outputs == {"image": str(tmp_path / "mine.img")}


def test_image_and_elf_overrides_go_together(tmp_path: Path) -> None:
    rmm = load_stack("embedded", ["rmm.elf=/a.elf", "rmm.image=/a.img"]).components["rmm"]
    assert rmm.outputs == {"image": "/a.img", "elf": "/a.elf"}


def test_source_override_starts_afresh() -> None:
    overrides = ["rmm.image=build/rmm.img", "rmm.build=make", "rmm.source=local", "rmm.path=/src"]
    rmm = load_stack("embedded", overrides).components["rmm"]
    assert rmm.source == LocalSource(path=Path("/src"), build="make")
    assert rmm.outputs == {"image": "build/rmm.img"}


def test_machine_and_capability_overrides() -> None:
    stack = load_stack(
        "embedded",
        ["machine.cpus=4", "machine.memory=512M", "machine.extra_args=-icount 'a b'",
         "capabilities.features=linux x-y", "capabilities.rmi=2.0"],
    )  # fmt: skip
    assert (stack.machine.cpus, stack.machine.memory_bytes) == (4, 512 << 20)
    assert stack.machine.extra_args == ("-icount", "a b")
    assert {"linux", "x-y", "rmi-2.0"} <= stack.capabilities


def test_a_list_override_of_a_source() -> None:
    rmm = load_stack("embedded", ["rmm.variables=LOG_LEVEL=40 A=b"]).components["rmm"]
    assert isinstance(rmm.source, InTreeSource)
    assert rmm.source.variables == ("LOG_LEVEL=40", "A=b")


def test_extends_a_file_beside_it(tmp_path: Path) -> None:
    write_stack(tmp_path)
    own = tmp_path / "own.toml"
    own.write_text('extends = "fake.toml"\n[machine]\ncpus = 8\n')
    stack = load_stack(str(own))
    assert (stack.name, stack.machine.cpus, stack.machine.cpu) == ("own", 8, "max,x-rme=on")


def test_unknown_stack() -> None:
    text = error_of("embeded")
    assert text.startswith("no stack 'embeded': neither a shipped stack nor a file\nhint: ")
    assert "did you mean 'embedded'?" in text


def test_misspelt_key_names_file_key_and_nearest(tmp_path: Path) -> None:
    file = edited(tmp_path, 'image = "rmm.img"', 'imag = "rmm.img"')
    text = error_of(file)
    assert f"{file}: [rmm]: unknown key for source 'prebuilt': 'imag'" in text
    assert "did you mean 'image'?" in text


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("[rmm]", "[rmmm]", "unknown component or key 'rmmm'\nhint: did you mean 'rmm'?"),
        ("cpus = 2", "cpu_count = 2", "[machine]: unknown key 'cpu_count'"),
        ("cpus = 2", "", "[machine]: needs 'cpus'"),
        ("cpus = 2", 'cpus = "2"', "cpus: wants an integer, got '2'\nhint: write it without"),
        ("cpus = 2", "cpus = true", "cpus: wants an integer, got True"),
        ("cpus = 2", "cpus = 0", "cpus: wants 1 to 512, got 0"),
        ('"3G"', '"3 GB"', "'3 GB' is not a size\nhint: write it like"),
        ('"3G"', "3", 'memory: wants a string, got 3\nhint: write it in quotes: "3"'),
        ('options = "virt"', 'options = "virt"\nextra_args = "-s"', "write it as a list: ['-s']"),
        ('source = "prebuilt"', 'source = "pre-built"', "did you mean 'prebuilt'?"),
        ('source = "prebuilt"', "", "[qemu]: key 'source' is missing\nhint: one of in-tree"),
        ('program = "qemu"', "", "[qemu]: source 'prebuilt' needs 'program'"),
        ('fip = "fip.bin"', "", "[tf-a]: source 'prebuilt' needs 'fip'"),
        ('image = "rmm.img"', 'image = ""', "[rmm] image: is empty"),
        ("[machine]", "machine = 3\n[other]", "unknown component or key 'other'"),
        ("[machine]", "[machine", "not a TOML file"),
        ("[machine]", "without = ['rmm']\n[machine]", "'without' needs 'extends'"),
        ("[machine]", "extends = 'fake.toml'\n[machine]", "extends itself"),
        ("[machine]", "[capabilities]\nrmi = 1.0\n[machine]", "rmi: wants a string, got 1.0"),
        ("[machine]", "[capabilities]\nfeature = []\n[machine]", "did you mean 'features'?"),
    ],
)
def test_one_clear_error(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert message in error_of(edited(tmp_path, old, new))


def test_missing_tables(tmp_path: Path) -> None:
    file = tmp_path / "empty.toml"
    file.write_text("")
    assert 'table [machine] is missing\nhint: or write extends = "embedded"' in error_of(file)
    file.write_text("machine = 3\n")
    assert "component [qemu] is missing" in error_of(file)


def test_component_must_be_a_table(tmp_path: Path) -> None:
    file = tmp_path / "s.toml"
    file.write_text('extends = "embedded"\nrmm = "x"\n')
    assert "[rmm]: wants a table, got 'x'" in error_of(file)


def test_source_without_its_key(tmp_path: Path) -> None:
    file = tmp_path / "s.toml"
    file.write_text('extends = "embedded"\n[rmm]\nsource = "local"\nimage = "x"\n')
    assert "[rmm]: source 'local' needs 'path', 'build'\nhint: add path = …" in error_of(file)


def test_without_an_unknown_component(tmp_path: Path) -> None:
    file = tmp_path / "s.toml"
    file.write_text('extends = "embedded"\nwithout = ["rmmm"]\n')
    assert "without: unknown component 'rmmm'\nhint: did you mean 'rmm'?" in error_of(file)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("rmm", "--set rmm: not of the form COMPONENT.KEY=VALUE"),
        ("rmm=3", "--set rmm=3: not of the form COMPONENT.KEY=VALUE"),
        ("rm.image=x", "--set rm.image=x: unknown component 'rm'\nhint: did you mean 'rmm'?"),
        ("rmm.imag=x", "--set rmm.imag=x: unknown key of rmm: 'imag'"),
        ("rmm.source=prebuild", "unknown source 'prebuild'\nhint: did you mean 'prebuilt'?"),
        ("rmm.build=make", "--set rmm.build=make: unknown key of rmm: 'build'"),
        ("rmm.image=", "[rmm] image: is empty"),
        ("rmm.elf=/x", "--set rmm.elf=/x: source 'prebuilt' needs 'image'\nhint: also give --set"),
        ("rmm.source=local", "--set rmm.source=local: source 'local' needs 'path', 'build'"),
        ("machine.memory=lots", "--set machine.memory=lots: 'lots' is not a size"),
        ("machine.cpu_s=3", "--set machine.cpu_s=3: unknown key of machine: 'cpu_s'"),
        ("machine.cpus=many", "--set machine.cpus=many: wants an integer, got 'many'"),
        ("machine.cpus=-1", "--set machine.cpus=-1: wants 1 to 512, got -1"),
    ],
)
def test_one_clear_error_for_an_override(override: str, message: str) -> None:
    assert message in error_of("embedded", override)


def test_overrides_that_lack_another_are_all_named() -> None:
    text = error_of("embedded", "realm.elf=/a", "realm.map=/b")
    assert text == (
        "--set realm.elf=/a, --set realm.map=/b: source 'prebuilt' needs 'image'\n"
        "hint: also give --set realm.image=…"
    )


def memory_error(stack: str, *overrides: str) -> str:
    with pytest.raises(StackError) as caught:
        require_memory(load_stack(stack, overrides), overrides)
    return str(caught.value)


def test_memory_reaches_to_the_end_of_the_granules() -> None:
    assert RAM_BASE + POOL_END == POOL_BASE + POOL_BYTES
    require_memory(load_stack("embedded", ["machine.memory=2G"]))
    assert memory_error("embedded", "machine.memory=1G").startswith(
        "--set machine.memory=1G: wants 2G or more, got 1024M: tests take"
    )


def test_too_little_memory_in_a_file_is_named(tmp_path: Path) -> None:
    file = tmp_path / "small.toml"
    file.write_text('extends = "trp"\n[machine]\nmemory = "2047M"\n')
    assert memory_error(str(file)) == (
        f"{file}: [machine] memory: wants 2G or more, got 2047M: tests take granules of the "
        "second GiB\nhint: a stack without them has neither 'granules' nor 'realms' in its features"
    )


@pytest.mark.parametrize("text", ['without = ["host"]', '[capabilities]\nrmi = "1.0"'])
def test_little_memory_is_enough_where_no_test_takes_granules(tmp_path: Path, text: str) -> None:
    file = tmp_path / "small.toml"
    file.write_text(f'extends = "embedded"\n{text}\n[machine]\nmemory = "512M"\n')
    require_memory(load_stack(str(file)))


def test_a_folder_is_no_stack(tmp_path: Path) -> None:
    assert error_of(tmp_path) == (
        f"{tmp_path} is a folder, not a stack file\nhint: give the path of a TOML file"
    )
    assert error_of("/dev/null").startswith("/dev/null is a device or the like, not a stack file\n")
