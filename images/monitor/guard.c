/* SPDX-License-Identifier: BSD-3-Clause */
#include "guard.h"
#include "pe.h"

bool guard_run(struct guard *guard, unwind_function function, uint64_t a, uint64_t b, uint64_t c)
{
	struct pe *pe = this_pe();

	guard->outer = pe->guard;
	pe->guard = guard;
	uint64_t faulted = unwind_call(&guard->stack, function, a, b, c);

	pe->guard = guard->outer;
	return faulted == 0;
}
