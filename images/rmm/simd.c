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

void simd_host_save(struct simd_host_context *host)
{
	/* Before the change of mode, which sets FPSR. */
	host->fpcr = read_sysreg(fpcr);
	host->fpsr = read_sysreg(fpsr);
	host->streaming = sve_streaming();
	if (sve_present() || host->streaming)
		sve_store_vectors(host->vectors);
	else
		fp_store(host->vectors);
	if (host->streaming) {
		sve_store_predicates(host->predicates);
		sve_streaming_off();
	}
}

void simd_host_restore(const struct simd_host_context *host)
{
	if (host->streaming) {
		sve_streaming_on();
		sve_load_predicates(host->predicates);
	}
	if (sve_present() || host->streaming)
		sve_load_vectors(host->vectors);
	else
		fp_load(host->vectors);
	write_sysreg(fpcr, host->fpcr);
	write_sysreg(fpsr, host->fpsr);
}
