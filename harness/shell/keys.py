# SPDX-License-Identifier: BSD-3-Clause
"""Ed25519 keys for hosts and for whoever logs in, in the forms that the two sides read."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_ssh_private_key,
)

from harness.shell.base import ShellError

_ALGORITHM = b"ssh-ed25519"


@dataclass(frozen=True)
class KeyPair:
    """A private key and its public one."""

    private: Ed25519PrivateKey

    @classmethod
    def generate(cls) -> KeyPair:
        """Make a new pair."""
        return cls(Ed25519PrivateKey.generate())

    @classmethod
    def read(cls, path: Path) -> KeyPair:
        """Read a private Ed25519 key in OpenSSH's form, without a passphrase.

        Raises ``ShellError``.
        """
        try:
            private = load_ssh_private_key(path.read_bytes(), None)
        except (OSError, ValueError, TypeError, UnsupportedAlgorithm) as problem:
            raise ShellError(f"{path} is not a private key that can be used: {problem}") from None
        if not isinstance(private, Ed25519PrivateKey):
            raise ShellError(f"{path} is not an Ed25519 key", hint="ssh-keygen -t ed25519")
        return cls(private)

    @cached_property
    def _public_bytes(self) -> bytes:
        return self.private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)

    @property
    def public_blob(self) -> bytes:
        """The public key as it goes over the wire (RFC 8709, 4)."""
        return _string(_ALGORITHM) + _string(self._public_bytes)

    @property
    def public_line(self) -> str:
        """The public key as a line of ``authorized_keys``."""
        return f"{_ALGORITHM.decode()} {base64.b64encode(self.public_blob).decode()}"

    @property
    def openssh(self) -> str:
        """The private key as OpenSSH and paramiko read it."""
        return self.private.private_bytes(
            Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()
        ).decode()

    @property
    def dropbear(self) -> bytes:
        """The private key as Dropbear reads it: algorithm, then seed and public key."""
        seed = self.private.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())
        return _string(_ALGORITHM) + _string(seed + self._public_bytes)


def _string(data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + data
