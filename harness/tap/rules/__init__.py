# SPDX-License-Identifier: BSD-3-Clause
"""What a host must keep to, and what an RMM must: rules over the events of the tap.

``rule``     what a rule and a violation are
``books``    granules, realms and RECs as successful calls make them
``creating`` ``mapping`` ``entering``   rules for hosts
``rmm``      rules for the RMM; most of them are the model's (``harness.tap.replay``)
``judge``    all of them over one stream of events
"""

from harness.tap.rules.judge import RULES, Judge, Tally, choose
from harness.tap.rules.rule import Rule, Side, Violation

__all__ = ["RULES", "Judge", "Rule", "Side", "Tally", "Violation", "choose"]
