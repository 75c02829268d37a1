/* SPDX-License-Identifier: BSD-3-Clause */
#include <unistd.h>

#include "exits.h"
#include "say.h"

#define SUSPEND_US 1000

static struct rec *find_rec(struct realm *realm, uint64_t mpidr)
{
	for (unsigned int n = 0; n < realm->options->recs; n++)
		if (realm->recs[n].mpidr == mpidr)
			return &realm->recs[n];
	return NULL;
}

static void set_power(struct rec *rec, enum power power)
{
	pthread_mutex_lock(&rec->realm->lock);
	rec->power = power;
	pthread_cond_broadcast(&rec->realm->changed);
	pthread_mutex_unlock(&rec->realm->lock);
}

/* The RMM asks which REC an MPIDR stands for, and does the rest. */
static void complete(struct rec *rec, bool turns_on)
{
	uint64_t mpidr = rec->run->exit.gprs[1];
	struct rec *target = find_rec(rec->realm, mpidr);

	if (!target) {
		say("rec %u: PSCI for MPIDR %#llx, which no REC has", rec->index, (unsigned long long)mpidr);
		realm_end(rec->realm, EXIT_STUCK);
		return;
	}
	must(rec->realm, "RMI_PSCI_COMPLETE", FID_RMI_PSCI_COMPLETE, rec->pa, target->pa,
	     PSCI_RETURN_CODE_SUCCESS, 0, 0);
	trace("rec %u: PSCI %s of rec %u", rec->index, turns_on ? "CPU_ON" : "AFFINITY_INFO", target->index);
	if (turns_on)
		set_power(target, POWER_ON);
}

void serve_psci(struct rec *rec)
{
	switch (rec->run->exit.gprs[0]) {
	case FID_PSCI_CPU_ON:
		complete(rec, true);
		break;
	case FID_PSCI_AFFINITY_INFO:
		complete(rec, false);
		break;
	case FID_PSCI_CPU_OFF:
		trace("rec %u: PSCI CPU_OFF", rec->index);
		set_power(rec, POWER_OFF);
		break;
	case FID_PSCI_CPU_SUSPEND:
		usleep(SUSPEND_US);
		break;
	case FID_PSCI_SYSTEM_OFF:
		trace("rec %u: PSCI SYSTEM_OFF", rec->index);
		realm_end(rec->realm, EXIT_OFF);
		break;
	case FID_PSCI_SYSTEM_RESET:
		trace("rec %u: PSCI SYSTEM_RESET", rec->index);
		realm_end(rec->realm, EXIT_RESET);
		break;
	default:
		say("rec %u: PSCI call %#llx, which nobody serves", rec->index,
		    (unsigned long long)rec->run->exit.gprs[0]);
		realm_end(rec->realm, EXIT_STUCK);
	}
}
