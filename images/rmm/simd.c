/* SPDX-License-Identifier: BSD-3-Clause */
#include "simd.h"

#include <fp.h>
#include <sysreg.h>

_Static_assert(sizeof(((struct simd_context *)0)->q) == FP_BYTES, "simd_context.q");

void simd_save(struct simd_context *context)
{
	fp_store(context->q);
	context->fpcr = read_sysreg(fpcr);
	context->fpsr = read_sysreg(fpsr);
}

void simd_restore(const struct simd_context *context)
{
	fp_load(context->q);
	write_sysreg(fpcr, context->fpcr);
	write_sysreg(fpsr, context->fpsr);
}
