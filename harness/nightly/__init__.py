# SPDX-License-Identifier: BSD-3-Clause
"""Nights: a matrix of cells from one file, run with budgets, kept in a history, resumed."""
