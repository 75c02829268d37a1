# SPDX-License-Identifier: BSD-3-Clause
"""What a session and its agent say to each other: one JSON object a line, each way.

The session's first line is the order; after that it asks. The agent tells (``event``).
The agent gives its place back, switched off, when its input ends: nobody has to live for it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

LEASE: Final = "lease"
CHECK: Final = "check"

POWER_ON: Final = "on"
POWER_OFF: Final = "off"
DEPLOY: Final = "deploy"

LEASED: Final = "leased"
LOST: Final = "lost"
DONE: Final = "done"
REFUSED: Final = "refused"
PLACES: Final = "places"
ASK: Final = "ask"
EVENT: Final = "event"

Message = dict[str, Any]


def encode(message: Mapping[str, object]) -> bytes:
    """Return a message as a line."""
    return json.dumps(message, default=str).encode() + b"\n"


def decode(line: bytes) -> Message:
    """Return the message of a line. Raises ``ValueError``."""
    return dict(json.loads(line))
