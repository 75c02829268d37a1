/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The realm that this process runs, and what all its parts share.
 *
 * Invariants:
 *  - RMI calls other than RMI_REC_ENTER and RMI_PSCI_COMPLETE are made before the RECs run, or under `memory`.
 *  - Protected RAM is [ram, ram + ram_bytes); the same addresses with the top IPA bit set are its unprotected
 *    alias, where pages of the host are mapped when the realm first touches them. Devices lie in the upper
 *    half too, outside the alias.
 *  - A call that the RMM refuses although it was made by the rules ends the process.
 */
#ifndef REALM_H
#define REALM_H

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "device.h"

#define MAX_RECS 16
#define MAX_AUX 16

struct options {
	unsigned int recs;
	uint64_t mem_bytes;
	unsigned int ipa_bits;
	unsigned int hash;
	uint8_t rpv[64];
	const char *payload;
	const char *script;
	const char *kernel, *initrd, *append;
	unsigned int timeout_s;
	bool populate;
	bool reject_ripas;
	bool trap_wfi;
};

enum power { POWER_OFF, POWER_ON };

struct counts {
	uint64_t total, sync, irq, fiq, psci, ripas, host_call, serror;
	uint64_t mmio, faults, shared_faults, wfi;
};

struct realm;

struct rec {
	struct realm *realm;
	unsigned int index;
	uint64_t mpidr;
	uint64_t pa, run_pa;
	uint64_t aux[MAX_AUX];
	unsigned int num_aux;
	struct rmi_rec_run *run;
	enum power power;	/* under realm->lock */
	pthread_t thread;
	uint64_t timers;	/* interrupts of its timers that are due, a bit per INTID */
	struct counts counts;
};

struct realm {
	const struct options *options;
	struct device device;
	uint64_t rd, rtt_base;
	unsigned int roots;
	int root_level;
	unsigned int num_lrs;
	uint64_t ram, ram_bytes;
	uint64_t entry, entry_x0, secondary_entry;
	struct rec recs[MAX_RECS];

	pthread_mutex_t memory;	/* tables, contents, the pool */
	uint64_t *shared;	/* PA of each page of the alias, 0 where none is mapped */
	uint8_t *mapped;	/* 1 for each page of RAM that has a granule */

	pthread_mutex_t lock;	/* power states and the end */
	pthread_cond_t changed;
	bool ended;
	int status;
};

/* realm.c */
void realm_create(struct realm *realm);
void realm_load(struct realm *realm, uint64_t ipa, const void *content, uint64_t bytes);
void realm_add_recs(struct realm *realm);
void realm_activate(struct realm *realm);
void realm_destroy(struct realm *realm);
/* No REC is to be entered again; the first status counts. */
void realm_end(struct realm *realm, int status);
uint64_t realm_mpidr(unsigned int index);
static inline uint64_t upper_half(const struct realm *realm)
{
	return 1ULL << (realm->options->ipa_bits - 1);
}

/* rtt.c: memory; under `memory` once RECs run. */
uint64_t pool_take(struct realm *realm, uint64_t count, uint64_t align);
void *pool_pointer(struct realm *realm, uint64_t pa);
/* A granule that the RMM gave back and that was undelegated: it is used again. */
void pool_return(uint64_t pa);
void delegate(struct realm *realm, uint64_t pa, uint64_t count);
void undelegate(struct realm *realm, uint64_t pa);
/* A call whose refusal ends the process; returns x1. */
uint64_t must(struct realm *realm, const char *name, uint64_t fid, uint64_t x1, uint64_t x2, uint64_t x3, uint64_t x4,
	      uint64_t x5);
/* A call with the status that it returns; x is x0..x7 in and out. */
unsigned int rmi(struct realm *realm, uint64_t x[8]);
void init_ripas(struct realm *realm, uint64_t base, uint64_t top);
void map_data(struct realm *realm, uint64_t ipa, const void *page);
void map_unknown(struct realm *realm, uint64_t ipa);
void unmap_data(struct realm *realm, uint64_t ipa);
uint64_t map_shared(struct realm *realm, uint64_t ipa);
/* Answer a realm's request; returns where it stopped. */
uint64_t set_ripas(struct realm *realm, struct rec *rec, uint64_t base, uint64_t top);
void destroy_tables(struct realm *realm);

/* vcpu.c */
void vcpus_start(struct realm *realm);
void vcpus_join(struct realm *realm);

#endif
