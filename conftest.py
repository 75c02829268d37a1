# SPDX-License-Identifier: BSD-3-Clause
"""Registers the harness's pytest plugin, and nothing else."""

pytest_plugins = ["harness.plugin"]
