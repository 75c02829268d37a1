# SPDX-License-Identifier: BSD-3-Clause
"""Finds and, where allowed, installs the tools and packages that stacks need."""
