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

static void make_pending(struct rec *rec, uint64_t intid)
{
	uint64_t *lrs = rec->run->enter.gicv3_lrs, *empty = NULL;

	for (unsigned int n = 0; n < rec->realm->num_lrs; n++) {
		if (!(lrs[n] & LR_STATE))
			empty = empty ? empty : &lrs[n];
		else if ((lrs[n] & LR_INTID) == intid)
			return;
	}
	if (empty) {
		*empty = LR_PENDING | LR_GROUP1 | LR_PRIORITY | intid;
		trace("rec %u: interrupt %llu injected", rec->index, (unsigned long long)intid);
	}
}

/* Both timers are levels: an interrupt that the realm has ended is pending again while its timer fires. */
void inject_interrupts(struct rec *rec)
{
	const struct rmi_rec_exit *exit = &rec->run->exit;

	memcpy(rec->run->enter.gicv3_lrs, exit->gicv3_lrs, sizeof(exit->gicv3_lrs));
	for (unsigned int n = 0; n < rec->realm->num_lrs; n++)
		if (!(rec->run->enter.gicv3_lrs[n] & LR_STATE))
			rec->run->enter.gicv3_lrs[n] = 0;
	if ((exit->cntv_ctl & TIMER_BITS) == TIMER_FIRES)
		make_pending(rec, VIRTUAL_TIMER);
	if ((exit->cntp_ctl & TIMER_BITS) == TIMER_FIRES)
		make_pending(rec, PHYSICAL_TIMER);
}
