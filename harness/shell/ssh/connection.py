# SPDX-License-Identifier: BSD-3-Clause
"""An SSH connection: who the other end must be, how long each step to a command may take."""

from __future__ import annotations

import contextlib
import io
import logging
import socket
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import paramiko

from harness.deadline import Deadline
from harness.shell.base import ShellError
from harness.shell.keys import KeyPair

# A host that is ended takes its connections along; paramiko would say so on stderr.
logging.getLogger("paramiko").addHandler(logging.NullHandler())

CHECK_S = 0.2
"""How often a wait asks whether the machine still is what it was."""

BEGIN_TIMEOUT_S = 30.0
"""How long it may take until a command has begun: connection, channel, the host's word."""

BROKEN = (OSError, EOFError, paramiko.SSHException)
"""What paramiko raises where a line is broken or a host does not go along."""

_POLL_S = 0.02
_LEAST_S = 0.1


@dataclass(frozen=True, slots=True)
class SshAddress:
    """Where a host's SSH server is, and the public key that it must show."""

    port: int
    host_key: bytes
    host: str = "127.0.0.1"
    user: str = "root"

    def __str__(self) -> str:
        return f"{self.user}@{self.host}:{self.port}"


class _AnotherHost(paramiko.AuthenticationException):
    """The server's key is not the one that it must show."""


class SshConnection:
    """One connection with a login, made at the first use and again where it was lost."""

    def __init__(
        self, address: SshAddress, key: KeyPair, check: Callable[[], None], name: str
    ) -> None:
        self.address = address
        self.check = check
        self.name = name
        self._key = key
        self._transport: paramiko.Transport | None = None

    def connect(self, until: Deadline) -> paramiko.Transport:
        """Connect and log in, unless that is so. Raises ``ShellError``."""
        if self._transport is not None and self._transport.is_active():
            return self._transport
        while True:
            try:
                self._transport = self._logged_in(until)
                return self._transport
            except BROKEN as problem:
                self.check()
                if isinstance(problem, paramiko.AuthenticationException) or until.expired:
                    raise ShellError(
                        f"no SSH connection to {self.address} after {until.elapsed_s:.1f} s: "
                        f"{type(problem).__name__.lstrip('_')}: {problem}",
                        hint=_hint(problem),
                    ) from problem
                time.sleep(_POLL_S)

    def _logged_in(self, until: Deadline) -> paramiko.Transport:
        address = self.address
        line = socket.create_connection((address.host, address.port), _left_s(until))
        transport = paramiko.Transport(line)
        transport.banner_timeout = transport.auth_timeout = _left_s(until)
        try:
            _prefer_cheap(transport)
            transport.start_client(timeout=_left_s(until))
            if transport.get_remote_server_key().asbytes() != address.host_key:
                raise _AnotherHost("the server shows another key than the host was given")
            key = paramiko.Ed25519Key.from_private_key(io.StringIO(self._key.openssh))
            transport.auth_publickey(address.user, key)
        except BaseException:
            transport.close()
            raise
        transport.set_keepalive(0)
        return transport

    def begin(self, command: str, until: Deadline, title: str = "") -> paramiko.Channel:
        """Start a command in a channel of its own. Raises ``ShellError``.

        ``title`` stands for it in messages.
        """
        transport = self.connect(until)
        try:
            channel = transport.open_session(timeout=_left_s(until))
        except BROKEN as problem:
            self.check()
            raise ShellError(f"no further channel of {self.name}: {problem}") from problem
        try:
            self._request(channel, command, until, f"{title or repr(command)} on {self.name}")
        except BaseException:
            close_quietly(channel)
            raise
        return channel

    def _request(
        self, channel: paramiko.Channel, command: str, until: Deadline, title: str
    ) -> None:
        """Ask for a command and wait for the host's word, for which paramiko waits for ever."""
        request = _Request(channel, command)
        while not request.over.wait(min(CHECK_S, until.remaining_s)):
            self.check()
            if until.expired:
                raise ShellError(
                    f"cannot start {title}: no answer within {until.timeout_s:g} s",
                    hint="the host hangs, or has no time for its SSH server",
                ) from TimeoutError()
        if request.problem is not None:
            self.check()
            raise ShellError(f"cannot start {title}: {request.problem}") from request.problem

    def close(self) -> None:
        """End the connection and all its channels. Idempotent."""
        transport, self._transport = self._transport, None
        if transport is not None:
            transport.close()


class _Request:
    """One request for a command, made by a thread; closing the channel ends it."""

    def __init__(self, channel: paramiko.Channel, command: str) -> None:
        self.over = threading.Event()
        self.problem: Exception | None = None
        self._channel = channel
        self._command = command
        threading.Thread(target=self._make, name="ssh-request", daemon=True).start()

    def _make(self) -> None:
        try:
            self._channel.exec_command(self._command)
        except BROKEN as problem:
            self.problem = problem
        finally:
            self.over.set()


def close_quietly(channel: paramiko.Channel) -> None:
    """Close a channel; its line may be broken already."""
    with contextlib.suppress(*BROKEN):
        channel.close()


def _left_s(until: Deadline) -> float:
    return max(_LEAST_S, until.remaining_s)


def _hint(problem: Exception) -> str:
    if isinstance(problem, _AnotherHost):
        return "another host answers there, or it was started with other keys"
    if isinstance(problem, paramiko.AuthenticationException):
        return "the host does not know the key: look at authorized_keys of that user"
    return "does the host run an SSH server, and is its network up?"


def _prefer_cheap(transport: paramiko.Transport) -> None:
    """An emulated CPU does the other half: take what costs it least."""
    options = transport.get_security_options()
    options.kex = _first(options.kex, "curve25519-sha256@libssh.org")
    options.ciphers = _first(options.ciphers, "aes128-ctr")
    options.digests = _first(options.digests, "hmac-sha2-256")


def _first(offered: Sequence[str], wanted: str) -> tuple[str, ...]:
    return (
        (wanted, *(name for name in offered if name != wanted))
        if wanted in offered
        else tuple(offered)
    )
