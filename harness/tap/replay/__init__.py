# SPDX-License-Identifier: BSD-3-Clause
"""A recording played through the model: every answer of the RMM against the tables' verdict.

``world``     the model's state, made for millions of granules
``known``     what of it can be relied on: all of it after a boot, little after a loss
``ops``       one thing that happened, as a function of the state
``realm_ops`` what realms did, as far as SMCs and exits show it
``placing``   in which order things that overlapped took effect
``reorder``   the search for another order
``pieces``    what the two keep
``excuses``   what the model cannot know is learnt, let pass or forgotten
``replay``    events in, mismatches out
"""

from harness.tap.replay.excuses import ReplayTally
from harness.tap.replay.replay import UNSURE, Mismatch, Reasons, Replay

__all__ = ["UNSURE", "Mismatch", "Reasons", "Replay", "ReplayTally"]
