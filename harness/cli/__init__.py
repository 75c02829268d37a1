# SPDX-License-Identifier: BSD-3-Clause
"""The command ``cca`` and the programs behind ``scripts/``."""
