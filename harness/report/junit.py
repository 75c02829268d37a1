# SPDX-License-Identifier: BSD-3-Clause
"""JUnit XML as CI systems read it: a test suite for each cell."""

from __future__ import annotations

import re
import time
from xml.etree import ElementTree as ET

from harness.nightly.rows import ResultRow
from harness.report.data import COUNTS, Failure, ReportData
from harness.report.text import first_line

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def render(data: ReportData) -> str:
    """The whole file. Failures that do not count are skipped tests with the reason."""
    root = ET.Element("testsuites", name=f"cca-harness {data.night.id}")
    failures = {(f.result.cell, f.result.test): f for f in data.failures}
    for cell in data.cells:
        ours = [result for result in data.results if result.cell == cell.name]
        started = time.strftime("%Y-%m-%dT%H:%M:%S", time.localtime(data.night.started_s))
        suite = ET.SubElement(root, "testsuite", name=cell.name, timestamp=started)
        cases = [_case(suite, result, failures) for result in ours]
        if cell.state == "error":
            case = ET.SubElement(suite, "testcase", classname=cell.name, name="(the cell itself)")
            ET.SubElement(case, "error", message=_clean(cell.message))
            cases.append("error")
        suite.set("tests", str(len(cases)))
        suite.set("time", f"{cell.used_s:.3f}")
        for word in ("failure", "error", "skipped"):
            plural = {"failure": "failures", "error": "errors"}.get(word, word)
            suite.set(plural, str(cases.count(word)))
    ET.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ET.tostring(root, "unicode") + "\n"


def _case(suite: ET.Element, result: ResultRow, failures: dict[tuple[str, str], Failure]) -> str:
    file, _, name = result.test.partition("::")
    classname = f"{result.cell}.{file.removesuffix('.py').replace('/', '.')}"
    case = ET.SubElement(suite, "testcase", classname=_clean(classname), name=_clean(name or file))
    case.set("time", f"{result.duration_s:.3f}")
    if result.outcome == "failed":
        failure = failures[result.cell, result.test]
        if failure.group not in COUNTS:
            why = result.quarantine or result.why
            ET.SubElement(case, "skipped", message=_clean(f"{failure.group}: {why}"))
            return "skipped"
        word = "failure" if result.verdict in ("assertion", "") else "error"
        message = _clean(first_line(result.text))
        child = ET.SubElement(case, word, message=message, type=result.verdict or "assertion")
        child.text = _clean(result.text)
        return word
    if result.outcome in ("skipped", "xfailed", "not run"):
        reason = result.text or result.outcome
        ET.SubElement(case, "skipped", message=_clean(reason))
        return "skipped"
    return "passed"


def _clean(text: str) -> str:
    """XML has no control characters; consoles have."""
    return _NOT_XML.sub("�", text)
