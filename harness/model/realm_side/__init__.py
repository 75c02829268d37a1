# SPDX-License-Identifier: BSD-3-Clause
"""What realms do while a REC runs, and how a REC gets onto a PE and off it."""
