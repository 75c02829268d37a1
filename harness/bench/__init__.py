# SPDX-License-Identifier: BSD-3-Clause
"""Honest figures: medians and ratios of one run on one machine."""
