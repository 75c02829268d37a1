# SPDX-License-Identifier: BSD-3-Clause
"""cca-harness: integration tests for Arm CCA firmware, kernels and VMMs."""

__version__ = "0.1.0"
