# SPDX-License-Identifier: BSD-3-Clause
"""Signals as on a terminal, for what the tests start.

A shell has its background jobs ignore SIGINT and SIGQUIT, and whatever they start inherits
that: Ctrl-C, which some tests send, would have no effect.
"""

from __future__ import annotations

import signal

for number in (signal.SIGINT, signal.SIGQUIT):
    if signal.getsignal(number) == signal.SIG_IGN:
        signal.signal(number, signal.default_int_handler)
