# SPDX-License-Identifier: BSD-3-Clause
"""An SSH server within the test's process: commands run here, and it can be made to fail."""

from __future__ import annotations

import contextlib
import io
import os
import socket
import subprocess
import threading
from collections.abc import Callable
from typing import IO

import paramiko
from paramiko.common import AUTH_FAILED, AUTH_SUCCESSFUL, OPEN_SUCCEEDED

from harness.shell.keys import KeyPair
from harness.shell.ssh import SshAddress
from harness.shell.ssh.connection import BROKEN

_BLOCK_BYTES = 4096


class SshServer(paramiko.ServerInterface):
    """Serves one connection after the other, as ``sshd`` does: bytes as they come, a status.

    Hanging: the next request for a command is not answered before ``let_go``. With ``replace``
    a command is another one.
    """

    def __init__(self) -> None:
        self.client, self.host = KeyPair.generate(), KeyPair.generate()
        self.commands: list[str] = []
        self.hangs = False
        self.let_go = threading.Event()
        self.replace: Callable[[str], str] = lambda command: command
        self.transports: list[paramiko.Transport] = []
        self.sent = bytearray()
        self._jobs: list[subprocess.Popen[bytes]] = []
        self._asking = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = SshAddress(self._listener.getsockname()[1], self.host.public_blob)
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                line, _ = self._listener.accept()
                transport = paramiko.Transport(line)
                text = io.StringIO(self.host.openssh)
                transport.add_server_key(paramiko.Ed25519Key.from_private_key(text))
                self.transports.append(transport)
                transport.start_server(threading.Event(), self)

    def break_lines(self) -> None:
        """End all connections without a word, as a host does that is gone."""
        for transport in self.transports:
            transport.sock.shutdown(socket.SHUT_RDWR)

    def running(self) -> int:
        """How many commands have not ended."""
        return sum(job.poll() is None for job in self._jobs)

    def close(self) -> None:
        self.let_go.set()
        self._listener.shutdown(socket.SHUT_RDWR)  # closing alone leaves who accepts waiting
        self._thread.join()
        self._listener.close()
        for transport in self.transports:
            transport.close()
        for job in self._jobs:
            job.kill()
            job.wait()

    def get_allowed_auths(self, username: str) -> str:
        return "publickey"

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        return AUTH_SUCCESSFUL if key.asbytes() == self.client.public_blob else AUTH_FAILED

    def check_channel_request(self, kind: str, chanid: int) -> int:
        return OPEN_SUCCEEDED

    def check_channel_exec_request(self, channel: paramiko.Channel, command: bytes) -> bool:
        if self.hangs:
            self.let_go.wait()
        text = command.decode()
        self.commands.append(text)
        words = ["sh", "-c", self.replace(text)]
        pipe = subprocess.PIPE
        job = subprocess.Popen(words, stdin=pipe, stdout=pipe, stderr=pipe)
        self._jobs.append(job)
        threading.Thread(target=self._carry, args=(channel, job), daemon=True).start()
        return True

    def _carry(self, channel: paramiko.Channel, job: subprocess.Popen[bytes]) -> None:
        assert job.stdin is not None
        assert job.stdout is not None
        assert job.stderr is not None
        self._wait_answered(channel)
        threading.Thread(target=_feed, args=(channel, job.stdin), daemon=True).start()
        outputs = [
            threading.Thread(target=self._pump, args=(source, send), daemon=True)
            for source, send in (
                (job.stdout, channel.sendall),
                (job.stderr, channel.sendall_stderr),
            )
        ]
        for thread in outputs:
            thread.start()
        for thread in outputs:
            thread.join()
        status = job.wait()
        with contextlib.suppress(*BROKEN):
            if status >= 0:
                channel.send_exit_status(status)
            channel.close()

    def _wait_answered(self, channel: paramiko.Channel) -> None:
        """The thread that says that the command runs takes the answer to this one behind it."""
        with self._asking, contextlib.suppress(*BROKEN):
            channel.get_transport().global_request("are you there", wait=True)

    def _pump(self, source: IO[bytes], send: Callable[[bytes], object]) -> None:
        with contextlib.suppress(*BROKEN), source:
            while piece := os.read(source.fileno(), _BLOCK_BYTES):
                send(piece)
                self.sent += piece


def _feed(channel: paramiko.Channel, target: IO[bytes]) -> None:
    with contextlib.suppress(OSError), target:
        while piece := channel.recv(_BLOCK_BYTES):
            target.write(piece)
            target.flush()
