/* SPDX-License-Identifier: BSD-3-Clause */
#include <string.h>

#include "exits.h"
#include "say.h"

#define VIRTUAL_TIMER 27
#define PHYSICAL_TIMER 30
#define TIMER_FIRES 5	/* ENABLE and ISTATUS, not IMASK */
#define TIMER_BITS 7
#define LR_STATE (3ULL << 62)
#define LR_PENDING (1ULL << 62)
#define LR_GROUP1 (1ULL << 60)
#define LR_PRIORITY (0x80ULL << 48)
#define LR_INTID 0xffffffffULL

/* What the realm has not ended stays in its list register. */
void take_interrupts(struct rec *rec)
{
	const struct rmi_rec_exit *exit = &rec->run->exit;

	memcpy(rec->run->enter.gicv3_lrs, exit->gicv3_lrs, sizeof(exit->gicv3_lrs));
	for (unsigned int n = 0; n < rec->realm->num_lrs; n++)
		if (!(rec->run->enter.gicv3_lrs[n] & LR_STATE))
			rec->run->enter.gicv3_lrs[n] = 0;
	rec->timers = 0;
	if ((exit->cntv_ctl & TIMER_BITS) == TIMER_FIRES)
		rec->timers |= 1ULL << VIRTUAL_TIMER;
	if ((exit->cntp_ctl & TIMER_BITS) == TIMER_FIRES)
		rec->timers |= 1ULL << PHYSICAL_TIMER;
}

/* The payload has no distributor: its timers' interrupts need no leave. */
static int next_interrupt(struct rec *rec, uint64_t taken)
{
	uint64_t pending = rec->timers & ~taken;

	if (rec->realm->options->kernel)
		return gic_next(rec, rec->timers | (uint64_t)uart_interrupts() << UART_INTID, taken);
	return pending ? __builtin_ctzll(pending) : -1;
}

/* Timers and UART are levels: an interrupt that the realm has ended is pending again while its source is. */
void give_interrupts(struct rec *rec)
{
	uint64_t *lrs = rec->run->enter.gicv3_lrs, taken = 0;

	for (unsigned int n = 0; n < rec->realm->num_lrs; n++)
		if (lrs[n] & LR_STATE)
			taken |= 1ULL << (lrs[n] & LR_INTID);
	for (unsigned int n = 0; n < rec->realm->num_lrs; n++) {
		int intid;

		if (lrs[n] & LR_STATE)
			continue;
		intid = next_interrupt(rec, taken);
		if (intid < 0)
			return;
		lrs[n] = LR_PENDING | LR_GROUP1 | LR_PRIORITY | intid;
		taken |= 1ULL << intid;
		trace("rec %u: interrupt %d injected", rec->index, intid);
	}
}
