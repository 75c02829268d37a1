/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "exits.h"
#include "realm.h"
#include "say.h"

#define END_S 5

/* Wait until the REC is on; false once the realm has ended. */
static bool wait_until_on(struct rec *rec)
{
	struct realm *realm = rec->realm;
	bool go_on;

	pthread_mutex_lock(&realm->lock);
	while (!realm->ended && rec->power == POWER_OFF)
		pthread_cond_wait(&realm->changed, &realm->lock);
	go_on = !realm->ended;
	pthread_mutex_unlock(&realm->lock);
	return go_on;
}

/*
 * The RMM refuses a REC of a realm that ends. Another REC's PSCI call has ended it: that REC's thread will say so when
 * it has come back from the RMM. False if nobody does.
 */
static bool wait_for_end(struct realm *realm)
{
	struct timespec until;
	bool ended;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += END_S;
	pthread_mutex_lock(&realm->lock);
	while (!realm->ended && !pthread_cond_timedwait(&realm->changed, &realm->lock, &until))
		;
	ended = realm->ended;
	pthread_mutex_unlock(&realm->lock);
	return ended;
}

static void enter(struct rec *rec)
{
	struct realm *realm = rec->realm;
	uint64_t x[8] = { FID_RMI_REC_ENTER, rec->pa, rec->run_pa };
	int error;

	give_interrupts(rec);
	error = device_call(&realm->device, RMI_DEVICE_ANY_CPU, x);
	if (error == -EINTR)
		return;
	if (error)
		die(EXIT_REFUSED, "rec %u: /dev/rmi refuses to enter: %s", rec->index, strerror(-error));
	if (x[0] != RMI_SUCCESS) {
		if (!wait_for_end(realm))
			die(EXIT_REFUSED, "rec %u: RMI_REC_ENTER answers %#llx", rec->index, (unsigned long long)x[0]);
		return;
	}
	rec->run->enter.flags = realm->options->trap_wfi ? RMI_REC_ENTER_FLAGS_TRAP_WFI_MASK : 0;
	memset(rec->run->enter.gprs, 0, sizeof(rec->run->enter.gprs));
	serve_exit(rec);
}

static void *run(void *argument)
{
	struct rec *rec = argument;

	while (wait_until_on(rec))
		enter(rec);
	return NULL;
}

static void interrupted(int number)
{
	(void)number;
}

void vcpus_start(struct realm *realm)
{
	/* Without SA_RESTART: a signal ends the call that it comes into. */
	struct sigaction action = { .sa_handler = interrupted };

	sigaction(SIGUSR1, &action, NULL);
	pthread_mutex_lock(&realm->lock);
	for (unsigned int n = 0; n < realm->options->recs; n++)
		if (pthread_create(&realm->recs[n].thread, NULL, run, &realm->recs[n]))
			die(EXIT_NO_MEMORY, "no thread for REC %u", n);
	pthread_mutex_unlock(&realm->lock);
}

void vcpus_join(struct realm *realm)
{
	for (unsigned int n = 0; n < realm->options->recs; n++)
		pthread_join(realm->recs[n].thread, NULL);
}
