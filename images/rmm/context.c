/* SPDX-License-Identifier: BSD-3-Clause */
#include "context.h"

#include <mem.h>
#include <sysreg.h>

#include "debug.h"
#include "pe.h"

/*
 * LSMAOE, nTLSMD, SPAN, EIS, TSCXT and EOS: the bits that are one where the feature behind them is
 * missing. MMU and caches are off.
 */
#define SCTLR_EL1_RESET 0x30D00800UL

struct host_context {
	struct el1_context el1;
	struct simd_host_context simd;
};

/* Always written before it is read. */
static struct host_context host_contexts[RMM_MAX_PES] __attribute__((section(".noinit")));

/* APA, API, GPA, GPI: any algorithm for addresses or generic data; APA3, GPA3: QARMA3. */
#define ISAR1_PAUTH ((0xFFUL << 4) | (0xFFUL << 24))
#define ISAR2_PAUTH (0xFFUL << 8)

static bool pauth_present(void)
{
	return (read_sysreg(id_aa64isar1_el1) & ISAR1_PAUTH) != 0 ||
	       (read_sysreg(id_aa64isar2_el1) & ISAR2_PAUTH) != 0;
}

#define EL1_SAVE(name) context->name = read_sysreg(name);
#define EL1_RESTORE(name) write_sysreg(name, context->name);

static void el1_save(struct el1_context *context)
{
	EL1_REGISTERS(EL1_SAVE)
	if (pauth_present()) {
		PAUTH_REGISTERS(EL1_SAVE)
	}
}

static void el1_restore(const struct el1_context *context)
{
	EL1_REGISTERS(EL1_RESTORE)
	if (pauth_present()) {
		PAUTH_REGISTERS(EL1_RESTORE)
	}
}

void context_reset(const struct rec *rec)
{
	memset(rec_el1(rec), 0, sizeof(struct el1_context));
	memset((void *)rec->aux[1], 0, sizeof(struct rec_aux1));
	rec_el1(rec)->sctlr_el1 = SCTLR_EL1_RESET;
}

void context_enter(const struct rec *rec)
{
	struct host_context *host = &host_contexts[pe_this()->index];

	el1_save(&host->el1);
	simd_host_save(&host->simd);
	el1_restore(rec_el1(rec));
	simd_restore(rec_simd(rec));
	debug_enter(rec);
}

void context_exit(const struct rec *rec)
{
	const struct host_context *host = &host_contexts[pe_this()->index];

	debug_exit(rec);
	el1_save(rec_el1(rec));
	simd_save(rec_simd(rec));
	el1_restore(&host->el1);
	simd_host_restore(&host->simd);
}
