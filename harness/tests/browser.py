# SPDX-License-Identifier: BSD-3-Clause
"""A headless browser for tests of pages; where there is none, the reason.

``require_browser`` first, then ``browser`` as a context, ``emulate`` a screen, ``open_page`` a
file; ``complaints`` must be empty at the end. Everything else is selenium's WebDriver.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

from harness.provision.requirements import BROWSER, how_to_get, missing

if TYPE_CHECKING:
    from selenium.webdriver.chrome.webdriver import WebDriver

_QUIET = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    "--host-resolver-rules=MAP * ~NOTFOUND",
    "--remote-debugging-pipe",  # it closes with the driver, and so does the browser
)
_READY_S = 100.0
"""Selenium gives each command 120 s."""


def require_browser() -> None:
    """Skip the test where no browser can be had; fail in CI, where there must be one."""
    if lacking := missing(BROWSER):
        names = " and no ".join(wanted.name for wanted in lacking)
        _without(f"no {names} on PATH: {how_to_get(lacking)}")
    try:
        import selenium  # noqa: F401
    except ImportError:
        _without("no selenium: pip install 'cca-harness[dev]'")


def _without(reason: str) -> NoReturn:
    if os.environ.get("CI"):
        pytest.fail(f"browser tests must run in CI: {reason}")
    pytest.skip(reason)


@contextmanager
def browser(folder: Path, width: int, height: int) -> Iterator[WebDriver]:
    """Start a browser with a profile of its own in an empty folder, and stop it again.

    It has no network. It ends with this process, however that ends.
    """
    from selenium import webdriver

    chromium, driver_program = (str(shutil.which(name)) for name in BROWSER)
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for word in (
        *_QUIET,
        f"--user-data-dir={folder / 'profile'}",
        f"--window-size={width},{height}",
    ):
        options.add_argument(word)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    service = webdriver.ChromeService(_tied(driver_program, folder / "driver"))
    driver = webdriver.Chrome(options=options, service=service)
    driver.set_script_timeout(_READY_S)
    try:
        yield driver
    finally:
        driver.quit()


def _tied(program: str, script: Path) -> str:
    """A script that runs a program which the kernel kills as soon as its parent is gone."""
    script.write_text(f'#!/bin/sh\nexec setpriv --pdeathsig KILL {program} "$@"\n')
    script.chmod(0o755)
    return str(script)


def open_page(driver: WebDriver, path: Path, ready: str = "true") -> None:
    """Load a file and wait until the browser is done and a JavaScript expression holds."""
    driver.get(path.as_uri())
    wait_until(driver, f"document.readyState === 'complete' && {ready}")
    settle(driver)


def wait_until(driver: WebDriver, condition: str) -> None:
    """Wait until a JavaScript expression holds."""
    end = time.monotonic() + _READY_S
    while not driver.execute_script(f"return Boolean({condition})"):
        if time.monotonic() > end:
            raise AssertionError(f"not within {_READY_S} s: {condition}\n{complaints(driver)}")
        time.sleep(0.02)


def settle(driver: WebDriver) -> None:
    """Wait until the browser has drawn what is to be drawn now."""
    driver.execute_async_script(
        "const done = arguments[0];"
        "requestAnimationFrame(() => requestAnimationFrame(() => done()));"
    )


def complaints(driver: WebDriver) -> list[dict[str, Any]]:
    """What the page complained about since the last time: errors, refused requests."""
    return [dict(entry) for entry in driver.get_log("browser")]  # type: ignore[no-untyped-call]


def emulate(driver: WebDriver, width: int, height: int, *, dark: bool, phone: bool) -> None:
    """Be a phone, or another size of desktop; prefer dark or light."""
    scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": scheme})
    size = {"width": width, "height": height, "deviceScaleFactor": 1 + phone, "mobile": phone}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
