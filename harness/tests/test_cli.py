# SPDX-License-Identifier: BSD-3-Clause
"""The command cca and the programs behind scripts/: exit status, texts, pytest's arguments."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from harness.cli import check, doctor, main, regress
from harness.errors import StackError
from harness.tests.stack_fakes import write_stack


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CCA_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("CCA_JOBS", raising=False)


def test_build_lists_the_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["build", "--stack", str(write_stack(tmp_path))]) == 0
    out = capsys.readouterr().out
    assert out.startswith("stack fake ")
    assert f"  image    rmm    {tmp_path}/rmm.img" in out


def test_build_as_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["build", "--stack", str(write_stack(tmp_path)), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["images"]["host"] == f"{tmp_path}/host.bin"


def test_error_is_text_and_status_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["build", "--set", "rmm.imag=x"]) == 2
    err = capsys.readouterr().err
    assert err.startswith("cca: error: --set rmm.imag=x: unknown key of rmm: 'imag'\nhint: did you")


def test_unknown_option_shows_the_usage_of_the_subcommand(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as caught:
        main.main(["build", "--sett", "rmm.image=x"])
    assert caught.value.code == 2
    err = capsys.readouterr().err
    assert err.startswith("usage: cca build [-h]")
    assert err.endswith("cca build: error: unrecognized arguments: --sett rmm.image=x\n")


@pytest.mark.parametrize(
    ("file", "why"),
    [
        ("{}/none/x", "there is no folder {}/none"),
        ("{}", "it is a folder"),
        ("/proc/1/x", "Permission denied"),
    ],
)
@pytest.mark.parametrize(
    "words", [["random", "--save"], ["reference", "--output"], ["trace", "--html"]]
)
def test_place_that_cannot_be_written_is_refused_at_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], file: str, why: str
) -> None:
    name = file.format(tmp_path)
    with pytest.raises(SystemExit):
        main.main([*words, name])
    says = f"argument {words[1]}: {name} cannot be written: {why.format(tmp_path)}\n"
    assert capsys.readouterr().err.endswith(says)


def test_file_that_cannot_be_written_after_all_is_one_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "loop").symlink_to("loop")
    assert main.main(["reference", "--output", str(tmp_path / "loop")]) == 2
    assert capsys.readouterr().err == (
        f"cca: error: {tmp_path}/loop cannot be written: Too many levels of symbolic links\n"
    )


def test_letters_that_the_terminal_does_not_have_are_replaced() -> None:
    words = [sys.executable, "-c", "import sys; from harness.cli import main; sys.exit("]
    words[2] += "main.guarded(lambda: print('a → b') or 0, 'cca'))"
    env = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = subprocess.run(words, env=env, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "a ? b\n", "")


def test_interrupt_is_status_130(capsys: pytest.CaptureFixture[str]) -> None:
    def interrupted() -> int:
        raise KeyboardInterrupt

    assert main.guarded(interrupted, "cca") == 130
    assert capsys.readouterr().err == "cca: interrupted\n"


def test_stacks(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["stacks"]) == 0
    lines = capsys.readouterr().out.splitlines()
    begins = {len(re.match(r"\S+ +", line)[0]) for line in lines}  # type: ignore[index]
    assert len(begins) == 1  # one column for all descriptions
    assert main.main(["stacks", "trp"]) == 0
    assert "  tf-a           debian-source" in capsys.readouterr().out


def test_doctor_is_content(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["doctor", "--stack", str(write_stack(tmp_path))]) == 0
    out = capsys.readouterr().out
    assert "  ok       QEMU makes the machine: QEMU emulator version 10.0.2 (fake)" in out
    assert out.endswith("all there\n")


def test_doctor_says_what_is_missing_and_how_to_get_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_stack(tmp_path, qemu="echo QEMU version 7.2")
    own = tmp_path / "own.toml"
    own.write_text('extends = "fake.toml"\n[realm]\nsource = "in-tree"\npath = "x"\nimage = "y"\n')
    monkeypatch.setenv("PATH", "/nowhere:/usr/bin:/bin")
    monkeypatch.setattr("harness.provision.requirements.is_met", lambda r: r.name != "make")
    assert main.main(["doctor", "--stack", str(own)]) == 1
    out = capsys.readouterr().out
    assert "  ok       aarch64-linux-gnu-gcc\n" in out
    assert (
        "  MISSING  make\n           hint: scripts/regress installs the Debian packages: make"
        in out
    )
    assert "  FAILED   QEMU makes the machine: [qemu]: " in out
    assert out.endswith("2 missing or unfit; see the hints above\n")


def test_doctor_names_the_version_wanted(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert doctor.check_needs(["qemu-system-aarch64"]) == 1
    assert "qemu-system-aarch64 (version 10.0 or newer)" in capsys.readouterr().out


def test_doctor_on_an_unwritable_cache(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StackError, match="cannot be written"):
        doctor.check_cache(tmp_path / "file")


def test_doctor_on_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "MIN_FREE_BYTES", 1 << 70)
    with pytest.raises(
        StackError, match=r"a build: \d+ MiB free in .* are needed\nhint: free some"
    ):
        doctor.check_cache(tmp_path)


# The command line that pytest gets.


def words_of(*words: str) -> list[str]:
    return regress.pytest_command(words, "testcases")[3:]


def test_workers_and_path_are_added() -> None:
    workers = ["-n", "auto", "--dist", "worksteal"]
    assert words_of("-k", "rec") == ["-o", "testpaths=testcases", *workers, "-k", "rec"]


@pytest.mark.parametrize("own", ["-n4", "-n=4", "--numprocesses=2", "--pdb", "--co", "no:xdist"])
def test_workers_are_not_added_twice(own: str) -> None:
    assert words_of(own) == ["-o", "testpaths=testcases", own]


def test_values_are_joined_to_our_options() -> None:
    words = ["--runs", "out", "--set", "a.b=c", "--set=d.e=f", "--link", "serial", "-k", "x"]
    assert regress.join_values([*words, "--recordings", "all", "--stack"]) == [
        "--runs=out", "--set=a.b=c", "--set=d.e=f", "--link=serial", "-k", "x",
        "--recordings=all", "--stack",
    ]  # fmt: skip


def test_files_follow_the_caller_s_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("my.toml", "my.img", "test_a.py", "rec"):
        (tmp_path / name).write_text("")
    words = ["--stack=my.toml", "--set=rmm.image=my.img", "--set=machine.cpus=4", "-k", "my.img"]
    words += ["--runs=out", "--junitxml=a.xml", "-x", "test_a.py::test_b[c::d]", "-k", "rec"]
    words += ["test_a.py", "testcases/rec", "--recordings=all"]
    here = str(tmp_path)
    assert regress.absolute_files(words) == [
        f"--stack={here}/my.toml", f"--set=rmm.image={here}/my.img", "--set=machine.cpus=4",
        "-k", "my.img", f"--runs={here}/out", f"--junitxml={here}/a.xml",
        "-x", f"{here}/test_a.py::test_b[c::d]", "-k", "rec", f"{here}/test_a.py", "testcases/rec",
        f"--recordings={here}/all",
    ]  # fmt: skip
    monkeypatch.chdir(regress.CHECKOUT)
    assert regress.absolute_files(words) == words


def test_folder_of_results_is_not_taken_for_the_project(tmp_path: Path) -> None:
    words = ["--runs", str(tmp_path), "--co", "-q", "-k", "test_deadline"]
    command = regress.pytest_command(regress.join_values(words), "harness/tests")
    done = subprocess.run(
        command, cwd=regress.CHECKOUT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_prepare_builds_the_stack_of_the_arguments(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["-k", "rec", "--stack", str(write_stack(tmp_path)), "-x"]
    assert regress.prepare(words) == 0
    assert (tmp_path / "cache" / "entries").is_dir()
    assert "cca: " not in capsys.readouterr().out


def test_check_runs_everything_and_counts(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ran = []

    def step(name: str, command: object) -> bool:
        assert command
        ran.append(name)
        return name != "mypy"

    monkeypatch.setattr(check, "run_step", step)
    monkeypatch.setattr(check, "prepare", lambda _words: 0)
    monkeypatch.setattr(check, "prepare_tools", lambda: None)
    assert check.main([]) == 1
    assert ran == ["ruff check", "ruff format", "mypy", "self tests", "test cases"]
    assert capsys.readouterr().out == "check: FAILED: mypy\n"


@pytest.mark.parametrize("word", ["-h", "--help"])
def test_check_tells_its_usage_and_runs_nothing(
    word: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(check, "run_step", None)
    assert check.main([word]) == 0
    assert capsys.readouterr().out.startswith("usage: scripts/check [pytest arguments")


def test_check_goes_on_without_its_tools(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("CCA_NO_INSTALL", "1")
    check.prepare_tools()
    assert capsys.readouterr().err == (
        "check: tests that need more than this machine has are skipped: "
        "missing chromium, chromedriver, cpio, and CCA_NO_INSTALL forbids to install\n"
        "hint: scripts/check installs the Debian packages: chromium chromium-driver cpio\n"
    )


def test_check_step_passes_the_status_on(capfd: pytest.CaptureFixture[str]) -> None:
    assert check.run_step("good", ["true"])
    assert not check.run_step("bad", ["false"])
    assert "check: bad: FAILED, " in capfd.readouterr().out
