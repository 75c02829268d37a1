# SPDX-License-Identifier: BSD-3-Clause
"""A Linux host in the normal world: boot, snapshot, shells, kernel log."""
