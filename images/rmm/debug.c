/* SPDX-License-Identifier: BSD-3-Clause */
#include "debug.h"

#include <sysreg.h>

#include "pe.h"
#include "sysreg_key.h"

#define OSLSR_UNLOCKED 8U /* OS lock implemented, not locked */
#define OSLSR_LOCKED 2UL

#define MDSCR_SS (1UL << 0)
#define MDSCR_TDCC (1UL << 12)
#define MDSCR_KDE (1UL << 13)
#define MDSCR_MDE (1UL << 15)
/* The others serve an external debugger, or more breakpoints than the Realm is told of. */
#define MDSCR_REALM (MDSCR_SS | MDSCR_TDCC | MDSCR_KDE | MDSCR_MDE)

#define PAIR_BVR 4U
#define PAIR_BCR 5U
#define PAIR_WVR 6U
#define PAIR_WCR 7U

static struct debug_context host_debug[RMM_MAX_PES];

#define EACH_PAIR(X, kind) \
	X(0, kind) X(1, kind) X(2, kind) X(3, kind) \
	X(4, kind) X(5, kind) X(6, kind) X(7, kind) \
	X(8, kind) X(9, kind) X(10, kind) X(11, kind) \
	X(12, kind) X(13, kind) X(14, kind) X(15, kind)

/* Only `count` register pairs exist: the others would be UNDEFINED. */
#define SAVE_PAIR(n, kind) \
	if ((n) < count) { \
		context->kind##vr[n] = read_sysreg(dbg##kind##vr##n##_el1); \
		context->kind##cr[n] = read_sysreg(dbg##kind##cr##n##_el1); \
	}
#define RESTORE_PAIR(n, kind) \
	if ((n) < count) { \
		write_sysreg(dbg##kind##vr##n##_el1, context->kind##vr[n]); \
		write_sysreg(dbg##kind##cr##n##_el1, context->kind##cr[n]); \
	}

static unsigned int breakpoint_count(void)
{
	return (unsigned int)((read_sysreg(id_aa64dfr0_el1) >> 12) & 0xf) + 1;
}

static unsigned int watchpoint_count(void)
{
	return (unsigned int)((read_sysreg(id_aa64dfr0_el1) >> 20) & 0xf) + 1;
}

static void pairs_save(struct debug_context *context)
{
	unsigned int count = breakpoint_count();

	EACH_PAIR(SAVE_PAIR, b)
	count = watchpoint_count();
	EACH_PAIR(SAVE_PAIR, w)
}

static void pairs_restore(const struct debug_context *context)
{
	unsigned int count = breakpoint_count();

	EACH_PAIR(RESTORE_PAIR, b)
	count = watchpoint_count();
	EACH_PAIR(RESTORE_PAIR, w)
}

void debug_enter(const struct rec *rec)
{
	const struct debug_context *context = rec_debug(rec);
	struct debug_context *host = &host_debug[pe_this()->index];

	host->os_locked = read_sysreg(oslsr_el1) & OSLSR_LOCKED;
	if (host->os_locked)
		write_sysreg(oslar_el1, 0);
	host->mdscr = read_sysreg(mdscr_el1);
	write_sysreg(mdscr_el1, context->mdscr);
	if (context->used) {
		pairs_save(host);
		pairs_restore(context);
	}
}

void debug_exit(const struct rec *rec)
{
	const struct debug_context *host = &host_debug[pe_this()->index];

	write_sysreg(mdscr_el1, host->mdscr);
	if (rec_debug(rec)->used)
		pairs_restore(host);
	if (host->os_locked)
		write_sysreg(oslar_el1, 1);
}

/* From now on the breakpoints and watchpoints in the hardware are the Realm's. */
static void pairs_take(struct debug_context *context)
{
	if (context->used)
		return;
	pairs_save(&host_debug[pe_this()->index]);
	context->used = true;
	pairs_restore(context);
}

/*
 * Where the Realm's value of a breakpoint or watchpoint register lives; NULL if it has no such
 * register.
 */
static uint64_t *pair_slot(struct debug_context *context, const struct rd *rd, unsigned int n,
			   unsigned int op2)
{
	switch (op2) {
	case PAIR_BVR:
		return n <= rd->num_bps ? &context->bvr[n] : NULL;
	case PAIR_BCR:
		return n <= rd->num_bps ? &context->bcr[n] : NULL;
	case PAIR_WVR:
		return n <= rd->num_wps ? &context->wvr[n] : NULL;
	case PAIR_WCR:
		return n <= rd->num_wps ? &context->wcr[n] : NULL;
	default:
		return NULL;
	}
}

static void pair_write(struct debug_context *context, uint64_t *slot, uint64_t value)
{
	pairs_take(context);
	*slot = value;
	pairs_restore(context);
}

static void mdscr_write(struct debug_context *context, uint64_t value)
{
	context->mdscr = value & MDSCR_REALM;
	if ((value & MDSCR_MDE) != 0)
		pairs_take(context);
	write_sysreg(mdscr_el1, context->mdscr);
}

bool debug_access(const struct rec *rec, uint32_t key, bool is_write, uint64_t *value)
{
	struct debug_context *context = rec_debug(rec);
	unsigned int op2 = SYSREG_KEY_OP2(key);

	if (SYSREG_KEY_OP1(key) != 0 && SYSREG_KEY_OP1(key) != 3)
		return false;
	if (SYSREG_KEY_OP1(key) == 0 && SYSREG_KEY_CRN(key) == 0 && op2 >= PAIR_BVR) {
		uint64_t *slot = pair_slot(context, (const struct rd *)rec->rd, SYSREG_KEY_CRM(key),
					   op2);

		if (slot == NULL)
			return false;
		if (is_write)
			pair_write(context, slot, *value);
		else
			*value = *slot;
		return true;
	}
	if (key == SYSREG_KEY(2, 0, 0, 2, 2)) {
		if (is_write)
			mdscr_write(context, *value);
		else
			*value = context->mdscr;
		return true;
	}
	/*
	 * The debugger's channel and the OS lock: there is no external debugger, and nothing to
	 * lock against.
	 */
	*value = key == SYSREG_KEY(2, 0, 1, 1, 4) ? OSLSR_UNLOCKED : 0;
	return true;
}
