# SPDX-License-Identifier: BSD-3-Clause
"""Kernels from a source tree: a fake tree with the targets of the real one."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import BuildError, StackError
from harness.stack import Cache, Progress, load_stack
from harness.stack import kbuild as kbuild_module
from harness.stack.components import BuildContext, BuiltComponent, build_component
from harness.tests.stack_fakes import write_stack

MAKEFILE = """\
# Of a real tree it has what the harness asks for: O=, configuration targets, Image, vmlinux.
C = $(O)/.config
tinyconfig defconfig:
\t@echo 'CONFIG_BASE="$@"' > $(C)
\t@echo 'CONFIG_MODULES=y' >> $(C)
olddefconfig:
\t@awk -F= '/NOT_IN_THIS_TREE/ { next } \\
\t\t/CONFIG_/ { n = $$1; sub("# ", "", n); sub(" is not set", "", n); l[n] = $$0 } \\
\t\tEND { for (n in l) print l[n] }' $(C) | sort > $(C).new
	@cmp -s $(C).new $(C) || cp $(C).new $(C)
$(O)/core.o: core.c $(C)
\t@echo "CC core.c"
\t@cp core.c $@
$(O)/driver.o: driver.c $(C)
\t@echo "CC driver.c"
\t@cp driver.c $@
vmlinux: $(O)/core.o $(O)/driver.o
\t@cat $^ $(C) > $(O)/vmlinux
Image: vmlinux
\t@mkdir -p $(O)/arch/$(ARCH)/boot
\t@cp $(O)/vmlinux $(O)/arch/$(ARCH)/boot/Image
.PHONY: tinyconfig defconfig olddefconfig vmlinux Image
"""

TABLE = """
[kernel]
source = "kbuild"
path = "linux"
base = "tinyconfig"
config = ["CONFIG_KVM=y", "# CONFIG_MODULES is not set"]
image = "arch/arm64/boot/Image"
elf = "vmlinux"
"""


class Steps(Progress):
    """Remembers what was built."""

    def __init__(self) -> None:
        self.ended: list[tuple[str, str]] = []

    def end(self, step: str, outcome: str) -> None:
        self.ended.append((step.split()[0], outcome))


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    linux = tmp_path / "linux"
    linux.mkdir()
    (linux / "Makefile").write_text(MAKEFILE)
    (linux / "Kconfig").write_text("mainmenu")
    (linux / "core.c").write_text("core\n")
    (linux / "driver.c").write_text("driver\n")
    return linux


@pytest.fixture(autouse=True)
def _only_make(monkeypatch: pytest.MonkeyPatch) -> None:
    """The fake tree needs neither flex nor a compiler."""
    monkeypatch.setattr(kbuild_module, "KBUILD_NEEDS", ("make",))
    monkeypatch.setattr(kbuild_module, "compiler_version", lambda: "a compiler")


def build(
    tmp_path: Path, table: str = TABLE, *overrides: str, steps: Steps | None = None
) -> BuiltComponent:
    file = write_stack(tmp_path, table)
    stack = load_stack(str(file), overrides)
    context = BuildContext(Cache(tmp_path / "cache"), steps or Steps(), tmp_path)
    return build_component(stack.components["kernel"], context)


def log_of(tmp_path: Path) -> str:
    [log] = (tmp_path / "cache" / "logs").glob("kernel-*.log")
    return log.read_text()


def test_kernel_is_configured_and_built(tree: Path, tmp_path: Path) -> None:
    built = build(tmp_path)
    image = built.outputs["image"].read_text()
    assert image == built.outputs["elf"].read_text()
    assert image.startswith("core\ndriver\n")
    settings = {'CONFIG_BASE="tinyconfig"', "CONFIG_KVM=y", "# CONFIG_MODULES is not set"}
    assert set(image.splitlines()) == {"core", "driver", *settings}
    assert built.version.startswith("kbuild ")
    in_the_tree = {path.name for path in tree.iterdir()}
    assert in_the_tree == {"Makefile", "Kconfig", "core.c", "driver.c"}


def test_kernel_of_an_unchanged_tree_comes_from_the_cache(tree: Path, tmp_path: Path) -> None:
    steps = Steps()
    first = build(tmp_path, steps=steps)
    assert build(tmp_path, steps=steps) == first
    assert steps.ended == [("kernel", "built")]


def test_change_compiles_what_depends_on_it_only(tree: Path, tmp_path: Path) -> None:
    build(tmp_path)
    (tree / "driver.c").write_text("a better driver\n")
    built = build(tmp_path)
    assert "a better driver" in built.outputs["image"].read_text()
    log = log_of(tmp_path)
    assert "CC driver.c" in log
    assert "CC core.c" not in log
    assert "tinyconfig" not in log


def test_other_configuration_has_objects_of_its_own(tree: Path, tmp_path: Path) -> None:
    first = build(tmp_path)
    second = build(tmp_path, TABLE, "kernel.base=defconfig")
    assert first.hash != second.hash
    assert 'CONFIG_BASE="defconfig"' in second.outputs["image"].read_text()
    assert build(tmp_path) == first


def test_fragment_beside_the_stack_file_is_taken(tree: Path, tmp_path: Path) -> None:
    (tmp_path / "my.config").write_text("# a comment\n\nCONFIG_KVM=m\nCONFIG_BTF=y\n")
    built = build(tmp_path, TABLE + 'fragments = ["my.config"]\n')
    image = built.outputs["image"].read_text()
    assert "CONFIG_BTF=y" in image
    assert "CONFIG_KVM=y" in image  # a line of the stack file counts more


def error_of(tmp_path: Path, table: str) -> StackError:
    with pytest.raises(StackError) as caught:
        build(tmp_path, table)
    return caught.value


def test_setting_that_the_tree_does_not_take_is_an_error(tree: Path, tmp_path: Path) -> None:
    table = TABLE.replace("CONFIG_KVM=y", "CONFIG_NOT_IN_THIS_TREE=y")
    error = error_of(tmp_path, table)
    assert error.message == (
        "[kernel]: the kernel's configuration does not take\n  CONFIG_NOT_IN_THIS_TREE=y became n"
    )
    assert "all that it depends on" in error.hint


def test_line_that_is_no_setting_is_an_error(tree: Path, tmp_path: Path) -> None:
    error = error_of(tmp_path, TABLE.replace("CONFIG_KVM=y", "KVM"))
    assert error.message == "[kernel] config: 'KVM' is no setting"


def test_fragment_that_is_not_there_is_an_error(tree: Path, tmp_path: Path) -> None:
    error = error_of(tmp_path, TABLE + 'fragments = ["none.config"]\n')
    assert "fragment none.config cannot be read: No such file" in error.message


def test_folder_that_is_no_kernel_source_is_an_error(tree: Path, tmp_path: Path) -> None:
    (tree / "Kconfig").unlink()
    assert "is no kernel source: it has no Kconfig" in error_of(tmp_path, TABLE).message


def test_build_that_fails_says_why(tree: Path, tmp_path: Path) -> None:
    (tree / "driver.c").unlink()
    with pytest.raises(BuildError, match=r"\[kernel\]: build failed") as caught:
        build(tmp_path)
    assert "driver.c" in caught.value.message


def test_build_that_leaves_no_image_is_an_error(tree: Path, tmp_path: Path) -> None:
    error = error_of(tmp_path, TABLE.replace('elf = "vmlinux"', 'elf = "other"'))
    assert "left no other (elf)" in error.message
