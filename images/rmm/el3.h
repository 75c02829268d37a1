/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Calls to EL3 that return to the RMM.
 *
 * Invariants: every call is an SMC64 fast call; the result is its x0.
 */
#ifndef RMM_EL3_H
#define RMM_EL3_H

#include <stdint.h>

static inline int64_t el3_call(uint64_t fid, uint64_t argument)
{
	register uint64_t x0 __asm__("x0") = fid;
	register uint64_t x1 __asm__("x1") = argument;

	__asm__ volatile("smc #0"
			 : "+r"(x0), "+r"(x1)
			 :
			 : "x2", "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12",
			   "x13", "x14", "x15", "x16", "x17", "memory", "cc");
	return (int64_t)x0;
}

#endif
