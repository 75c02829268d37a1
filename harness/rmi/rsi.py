# SPDX-License-Identifier: BSD-3-Clause
"""Typed RSI and PSCI calls, issued by the payload inside a realm.

Only calls that return without an exit to the host are wrapped here; those that exit
(host call, RIPAS change, PSCI) are driven exit by exit through the payload.
"""

from __future__ import annotations

from collections.abc import Callable

from harness.abi import tables
from harness.rmi.result import Result
from harness.types import Ipa

SmcInRealm = Callable[..., tuple[int, ...]]
"""Issues an SMC inside the realm: takes x0.., returns x0..x16."""


class Rsi:
    """RSI 1.0 as seen by software in the realm."""

    def __init__(self, smc: SmcInRealm) -> None:
        self._smc = smc

    def call(self, name: str, *args: int) -> Result:
        """Issue a command by name with raw register values."""
        command = tables().command(name)
        return Result(command, args, self._smc(command.fid, *args))

    def version(self, req: int) -> Result:
        """RSI_VERSION."""
        return self.call("RSI_VERSION", req)

    def features(self, index: int) -> Result:
        """RSI_FEATURES."""
        return self.call("RSI_FEATURES", index)

    def measurement_read(self, index: int) -> Result:
        """RSI_MEASUREMENT_READ; see :func:`measurement_bytes` for the value."""
        return self.call("RSI_MEASUREMENT_READ", index)

    def measurement_extend(self, index: int, value: bytes, size: int | None = None) -> Result:
        """RSI_MEASUREMENT_EXTEND with up to 64 bytes (x3..x10)."""
        padded = value.ljust(64, b"\0")
        words = [int.from_bytes(padded[at : at + 8], "little") for at in range(0, 64, 8)]
        count = len(value) if size is None else size
        return self.call("RSI_MEASUREMENT_EXTEND", index, count, *words)

    def attestation_token_init(self, challenge: bytes) -> Result:
        """RSI_ATTESTATION_TOKEN_INIT with a 64-byte challenge (x1..x8)."""
        words = [int.from_bytes(challenge[at : at + 8], "little") for at in range(0, 64, 8)]
        return self.call("RSI_ATTESTATION_TOKEN_INIT", *words)

    def attestation_token_continue(self, addr: Ipa | int, offset: int, size: int) -> Result:
        """RSI_ATTESTATION_TOKEN_CONTINUE."""
        return self.call("RSI_ATTESTATION_TOKEN_CONTINUE", addr, offset, size)

    def realm_config(self, addr: Ipa | int) -> Result:
        """RSI_REALM_CONFIG."""
        return self.call("RSI_REALM_CONFIG", addr)

    def ipa_state_get(self, base: Ipa | int, top: Ipa | int) -> Result:
        """RSI_IPA_STATE_GET."""
        return self.call("RSI_IPA_STATE_GET", base, top)


def measurement_bytes(result: Result) -> bytes:
    """The 64 bytes of a measurement (x1..x8, lowest first)."""
    return b"".join(word.to_bytes(8, "little") for word in result.x[1:9])
