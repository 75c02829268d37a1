# SPDX-License-Identifier: BSD-3-Clause
"""The generated C header: a C compiler takes it, and its numbers are those of the tables."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from harness.abi import Tables, tables
from harness.abi.cheader import main, render, snake

FREESTANDING = ("-std=c11", "-ffreestanding", "-pedantic", "-Wall", "-Wextra", "-Werror")

SAMPLES = {
    "FID_RMI_VERSION": 0xC400_0150,
    "FID_RSI_HOST_CALL": 0xC400_0199,
    "FID_PSCI_CPU_ON": 0xC400_0003,
    "FID_SMCCC_VERSION": 0x8000_0000,
    "FID_RMM_BOOT_COMPLETE": 0xC400_01CF,
    "RMI_ABI_VERSION": 0x1_0000,
    "RMI_ERROR_INPUT": 1,
    "RSI_ERROR_STATE": 2,
    "RMI_RIPAS_RAM": 1,
    "RMI_REC_EXIT_REASON_HOST_CALL": 5,
    "RMI_RTT_ENTRY_STATE_TABLE": 2,
    "RMI_HASH_ALGORITHM_SHA_512": 1,
    "PSCI_RETURN_CODE_ALREADY_ON": -4,
    "RSI_RESPONSE_REJECT": 1,
    "MONITOR_OP_SMC": 2,
    "RMI_REC_ENTER_FLAGS_RIPAS_RESPONSE_MASK": 1 << 4,
    "RMI_FEATURE_REGISTER0_NUM_BPS_SHIFT": 14,
    "RMI_FEATURE_REGISTER0_NUM_BPS_WIDTH": 6,
    "RMI_REALM_PARAMS_SIZE": 0x1000,
}
"""Names as the firmware writes them, values as in the specification."""


@pytest.fixture(scope="module", params=["1.0", "2.0"])
def header(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp(f"abi-{request.param}") / "cca_abi.h"
    path.write_text(render(request.param), encoding="utf-8")
    return path


def gcc(header: Path, *arguments: str, source: str = "") -> str:
    """Run the host's compiler on a file that includes the header twice; returns its output."""
    program = shutil.which("gcc")
    if program is None:
        pytest.skip("the host has no gcc")
    text = f'#include "{header}"\n' * 2 + source
    command = [program, *arguments, "-x", "c", "-"]
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def macros(header: Path, *arguments: str) -> dict[str, int]:
    """The object-like macros that the header defines, evaluated."""
    lines = gcc(header, *arguments, "-dM", "-E").splitlines()
    found = dict(line.split(maxsplit=2)[1:] for line in lines if len(line.split()) > 2)
    ours = re.findall(r"^#define (\w+) ", header.read_text(), re.MULTILINE)
    return {name: int(found[name].strip("()"), 0) for name in ours if name in found}


def wanted(known: Tables) -> dict[str, int]:
    """The numbers of the tables under the names that the firmware uses."""
    names = dict(known.constants) | dict(known.statuses)
    names |= {f"FID_{command.name}": command.fid for command in known.commands.values()}
    for enum, members in known.enums.items():
        names |= {f"{snake(enum).upper()}_{member}": value for member, value in members.items()}
    for word in known.bitfields.values():
        prefix = snake(word.name).upper()
        if word.mask is not None:
            names[f"{prefix}_MASK"] = word.mask
        for bits in word.fields:
            parts = {"SHIFT": bits.lo, "WIDTH": bits.hi - bits.lo + 1, "MASK": bits.mask}
            names |= {f"{prefix}_{bits.name.upper()}_{part}": n for part, n in parts.items()}
    return names


def sizes(known: Tables) -> dict[str, int]:
    return {f"{snake(s.name).upper()}_SIZE": s.size for s in known.structs.values()}


def test_compiles_as_the_firmware_is_compiled(header: Path) -> None:
    gcc(header, *FREESTANDING, "-fsyntax-only")


def test_macros_equal_the_tables(header: Path) -> None:
    known = tables(header.parent.name.removeprefix("abi-")[:3])
    assert macros(header) == wanted(known) | sizes(known)


def test_assembler_sees_the_plain_numbers_only(header: Path) -> None:
    known = tables(header.parent.name.removeprefix("abi-")[:3])
    assert macros(header, "-D__ASSEMBLER__") == wanted(known)
    text = gcc(header, "-D__ASSEMBLER__", "-E", "-P")
    assert not text.strip()


def test_no_name_is_defined_twice(header: Path) -> None:
    names = re.findall(r"^#define (\w+)", header.read_text(), re.MULTILINE)
    assert len(names) == len(set(names))


def test_names_are_those_that_the_firmware_uses(tmp_path: Path) -> None:
    path = tmp_path / "cca_abi.h"
    path.write_text(render())
    defined = macros(path)
    assert {name: defined.get(name) for name in SAMPLES} == SAMPLES


def test_members_have_the_types_of_the_table(tmp_path: Path) -> None:
    path = tmp_path / "cca_abi.h"
    path.write_text(render())
    checks = {
        "struct rmi_rec_run, exit.imm": "uint16_t",
        "struct rmi_rec_run, enter.gprs[30]": "uint64_t",
        "struct rmi_realm_params, rpv[63]": "uint8_t",
        "struct rmi_realm_params, rtt_level_start": "int64_t",
        "struct rsi_realm_config, ipa_width": "uint64_t",
        "struct rsi_host_call, imm": "uint16_t",
        "struct measurement_descriptor_data, content[63]": "uint8_t",
        "struct measurement_descriptor_rec, rim[63]": "uint8_t",
        "struct measurement_descriptor_ripas, top": "uint64_t",
    }
    source = "".join(
        f'_Static_assert(_Generic((({struct} *)0)->{member}, {kind}: 1, default: 0), "{member}");\n'
        for (struct, member), kind in ((k.split(", "), v) for k, v in checks.items())
    )
    gcc(path, *FREESTANDING, "-fsyntax-only", source=source)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("RmiRecExitReason", "rmi_rec_exit_reason"),
        ("RmiFeatureRegister0", "rmi_feature_register0"),
        ("ICH_HCR_EL2_permitted", "ich_hcr_el2_permitted"),
        ("RmiRTTEntry", "rmi_rtt_entry"),
    ],
)
def test_snake(name: str, expected: str) -> None:
    assert snake(name) == expected


def test_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out.h"
    assert main([str(out)]) == 0
    assert out.read_text() == render()
    assert main([]) == 2
    assert "usage: python -m harness.abi.cheader OUT.h" in capsys.readouterr().err
