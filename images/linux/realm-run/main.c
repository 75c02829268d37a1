/* SPDX-License-Identifier: BSD-3-Clause */
/* realm-run: the realm payload in a realm, on /dev/rmi of a stock kernel. */
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "image.h"
#include "options.h"
#include "say.h"
#include "script.h"

#define LINUX_RAM 0x40000000ULL	/* the devices lie below */

static void *watch(void *argument)
{
	struct realm *realm = argument;

	sleep(realm->options->timeout_s);
	say("not over after %u s", realm->options->timeout_s);
	realm_end(realm, EXIT_TIMEOUT);
	return NULL;
}

static void start_watch(struct realm *realm)
{
	pthread_t thread;

	if (realm->options->timeout_s && pthread_create(&thread, NULL, watch, realm) == 0)
		pthread_detach(thread);
}

static void sum_up(const struct realm *realm)
{
	for (unsigned int n = 0; n < realm->options->recs; n++) {
		const struct counts *c = &realm->recs[n].counts;

		say("rec %u: %llu exits: sync %llu, irq %llu, fiq %llu, psci %llu, ripas %llu, host-call %llu; "
		    "mmio %llu, faults %llu protected %llu unprotected, wfi %llu",
		    n, (unsigned long long)c->total, (unsigned long long)c->sync, (unsigned long long)c->irq,
		    (unsigned long long)c->fiq, (unsigned long long)c->psci, (unsigned long long)c->ripas,
		    (unsigned long long)c->host_call, (unsigned long long)c->mmio, (unsigned long long)c->faults,
		    (unsigned long long)c->shared_faults, (unsigned long long)c->wfi);
	}
}

static const char *ending(int status)
{
	switch (status) {
	case EXIT_OFF:
		return "switched off";
	case EXIT_RESET:
		return "reset asked for";
	case EXIT_COMMAND:
		return "a command failed";
	case EXIT_TIMEOUT:
		return "timeout";
	default:
		return "cannot go on";
	}
}

int main(int argc, char **argv)
{
	static struct options options;
	static struct realm realm = {
		.options = &options,
		.memory = PTHREAD_MUTEX_INITIALIZER,
		.lock = PTHREAD_MUTEX_INITIALIZER,
		.changed = PTHREAD_COND_INITIALIZER,
	};
	int error;

	options_parse(&options, argc, argv);
	realm.ram = options.kernel ? LINUX_RAM : 0;
	realm.ram_bytes = options.mem_bytes;
	error = device_open(&realm.device);
	if (error)
		die(EXIT_NO_DEVICE, "/dev/rmi: %s", strerror(-error));
	realm_create(&realm);
	if (options.kernel)
		linux_load(&realm);
	else
		image_load(&realm, options.payload);
	stage("data");
	if (!options.kernel)
		script_parse(&realm, options.script);
	realm_add_recs(&realm);
	stage("rec");
	realm_activate(&realm);
	stage("activate");
	start_watch(&realm);
	vcpus_start(&realm);
	vcpus_join(&realm);
	sum_up(&realm);
	realm_destroy(&realm);
	say("end: %s", ending(realm.status));
	return realm.status;
}
