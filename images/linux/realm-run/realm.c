/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "realm.h"
#include "say.h"

#define MAX_ROOTS 16
#define VMIDS 256

static void choose_root(struct realm *realm)
{
	unsigned int bits = realm->options->ipa_bits;

	for (realm->root_level = 2; realm->root_level >= 0; realm->root_level--) {
		unsigned int covered = 12 + 9 * (4 - realm->root_level);

		realm->roots = bits <= covered ? 1 : 1U << (bits - covered);
		if (realm->roots <= MAX_ROOTS)
			return;
	}
	die(EXIT_USAGE, "no root table covers %u bits of IPA", bits);
}

static uint64_t features(struct realm *realm)
{
	return must(realm, "RMI_FEATURES", FID_RMI_FEATURES, 0, 0, 0, 0, 0);
}

#define FEATURE(value, name) \
	(((value) & RMI_FEATURE_REGISTER0_##name##_MASK) >> RMI_FEATURE_REGISTER0_##name##_SHIFT)

static void fill_params(struct realm *realm, struct rmi_realm_params *params, uint64_t offered)
{
	const struct options *options = realm->options;

	memset(params, 0, sizeof(*params));
	params->s2sz = options->ipa_bits;
	params->num_bps = FEATURE(offered, NUM_BPS);
	params->num_wps = FEATURE(offered, NUM_WPS);
	params->hash_algo = options->hash;
	memcpy(params->rpv, options->rpv, sizeof(params->rpv));
	params->rtt_base = realm->rtt_base;
	params->rtt_level_start = realm->root_level;
	params->rtt_num_start = realm->roots;
}

/* Another program may use a VMID: the RMM alone knows them. */
static void issue_create(struct realm *realm, uint64_t page)
{
	struct rmi_realm_params *params = pool_pointer(realm, page);
	unsigned int status = 0, first = getpid() % VMIDS;

	for (unsigned int n = 0; n < VMIDS; n++) {
		uint64_t x[8] = { FID_RMI_REALM_CREATE, realm->rd, page };

		params->vmid = (first + n) % VMIDS;
		status = rmi(realm, x);
		if (status == RMI_SUCCESS)
			return;
	}
	die(EXIT_REFUSED, "RMI_REALM_CREATE answers status %u for every VMID", status);
}

void realm_create(struct realm *realm)
{
	uint64_t offered = features(realm), params;

	if (realm->options->ipa_bits > FEATURE(offered, S2SZ))
		die(EXIT_USAGE, "the RMM offers %u bits of IPA", (unsigned int)FEATURE(offered, S2SZ));
	realm->num_lrs = FEATURE(offered, GICV3_NUM_LRS) + 1;
	choose_root(realm);
	realm->mapped = calloc(realm->ram_bytes / GRANULE_BYTES, sizeof(*realm->mapped));
	realm->shared = calloc(realm->ram_bytes / GRANULE_BYTES, sizeof(*realm->shared));
	if (!realm->mapped || !realm->shared)
		die(EXIT_NO_MEMORY, "out of memory");
	realm->rd = pool_take(realm, 1, 0);
	realm->rtt_base = pool_take(realm, realm->roots, realm->roots * GRANULE_BYTES);
	params = pool_take(realm, 1, 0);
	fill_params(realm, pool_pointer(realm, params), offered);
	delegate(realm, realm->rd, 1);
	delegate(realm, realm->rtt_base, realm->roots);
	stage("delegate");
	issue_create(realm, params);
	pool_return(params);
	trace("realm created: rd %#llx, %u bits of IPA, %u root tables of level %d", (unsigned long long)realm->rd,
	      realm->options->ipa_bits, realm->roots, realm->root_level);
	stage("realm");
	init_ripas(realm, realm->ram, realm->ram + realm->ram_bytes);
	stage("rtt");
}

void realm_load(struct realm *realm, uint64_t ipa, const void *content, uint64_t bytes)
{
	uint8_t page[GRANULE_BYTES];

	for (uint64_t done = 0; done < bytes; done += GRANULE_BYTES) {
		uint64_t rest = bytes - done < GRANULE_BYTES ? bytes - done : GRANULE_BYTES;

		memset(page, 0, sizeof(page));
		memcpy(page, (const char *)content + done, rest);
		map_data(realm, ipa + done, page);
	}
	trace("loaded and measured: %llu bytes at %#llx", (unsigned long long)bytes, (unsigned long long)ipa);
}

uint64_t realm_mpidr(unsigned int index)
{
	return (index & 0xf) | (uint64_t)(index >> 4) << 8;
}

static void add_rec(struct realm *realm, struct rec *rec, unsigned int index)
{
	uint64_t page = pool_take(realm, 1, 0);
	struct rmi_rec_params *params = pool_pointer(realm, page);

	rec->realm = realm;
	rec->index = index;
	rec->mpidr = realm_mpidr(index);
	rec->power = index == 0 ? POWER_ON : POWER_OFF;
	rec->num_aux = must(realm, "RMI_REC_AUX_COUNT", FID_RMI_REC_AUX_COUNT, realm->rd, 0, 0, 0, 0);
	memset(params, 0, sizeof(*params));
	params->flags = index == 0;
	params->mpidr = rec->mpidr;
	params->pc = realm->entry;
	params->gprs[0] = realm->entry_x0;
	params->num_aux = rec->num_aux;
	for (unsigned int n = 0; n < rec->num_aux; n++) {
		rec->aux[n] = pool_take(realm, 1, 0);
		delegate(realm, rec->aux[n], 1);
		params->aux[n] = rec->aux[n];
	}
	rec->pa = pool_take(realm, 1, 0);
	rec->run_pa = pool_take(realm, 1, 0);
	rec->run = pool_pointer(realm, rec->run_pa);
	memset(rec->run, 0, sizeof(*rec->run));
	delegate(realm, rec->pa, 1);
	must(realm, "RMI_REC_CREATE", FID_RMI_REC_CREATE, realm->rd, rec->pa, page, 0, 0);
	pool_return(page);
	trace("rec %u created: mpidr %#llx, %u auxiliary granules, entry %#llx", index,
	      (unsigned long long)rec->mpidr, rec->num_aux, (unsigned long long)realm->entry);
}

void realm_add_recs(struct realm *realm)
{
	for (unsigned int n = 0; n < realm->options->recs; n++)
		add_rec(realm, &realm->recs[n], n);
}

void realm_activate(struct realm *realm)
{
	if (realm->options->populate)
		for (uint64_t at = 0; at < realm->ram_bytes; at += GRANULE_BYTES)
			map_unknown(realm, realm->ram + at);
	must(realm, "RMI_REALM_ACTIVATE", FID_RMI_REALM_ACTIVATE, realm->rd, 0, 0, 0, 0);
	trace("realm activated");
}

void realm_destroy(struct realm *realm)
{
	for (unsigned int n = 0; n < realm->options->recs; n++) {
		struct rec *rec = &realm->recs[n];

		must(realm, "RMI_REC_DESTROY", FID_RMI_REC_DESTROY, rec->pa, 0, 0, 0, 0);
		undelegate(realm, rec->pa);
		for (unsigned int m = 0; m < rec->num_aux; m++)
			undelegate(realm, rec->aux[m]);
	}
	destroy_tables(realm);
	must(realm, "RMI_REALM_DESTROY", FID_RMI_REALM_DESTROY, realm->rd, 0, 0, 0, 0);
	undelegate(realm, realm->rd);
	for (unsigned int n = 0; n < realm->roots; n++)
		undelegate(realm, realm->rtt_base + n * GRANULE_BYTES);
	trace("realm destroyed");
}

void realm_end(struct realm *realm, int status)
{
	pthread_mutex_lock(&realm->lock);
	if (!realm->ended) {
		realm->ended = true;
		realm->status = status;
	}
	pthread_cond_broadcast(&realm->changed);
	for (unsigned int n = 0; n < realm->options->recs; n++)
		if (realm->recs[n].thread)
			pthread_kill(realm->recs[n].thread, SIGUSR1);
	pthread_mutex_unlock(&realm->lock);
}
