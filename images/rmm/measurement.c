/* SPDX-License-Identifier: BSD-3-Clause */
#include "measurement.h"

#include <mem.h>

#include "sha2.h"

#define RIM 0
#define DESCRIPTOR_DATA 0
#define DESCRIPTOR_REC 1
#define DESCRIPTOR_RIPAS 2

static enum sha2_kind kind(const struct rd *rd)
{
	return rd->hash_algo == RMI_HASH_ALGORITHM_SHA_512 ? SHA2_512 : SHA2_256;
}

size_t measurement_hash_size(const struct rd *rd)
{
	return kind(rd) == SHA2_512 ? 64 : 32;
}

/* slot: zero padded behind the hash. */
static void hash_to_slot(const struct rd *rd, uint8_t slot[MEASUREMENT_SIZE], const void *data,
			 size_t size)
{
	struct sha2 s;

	memset(slot, 0, MEASUREMENT_SIZE);
	sha2_start(&s, kind(rd));
	sha2_update(&s, data, size);
	sha2_finish(&s, slot);
}

void measurement_realm_create(struct rd *rd, const struct rmi_realm_params *params)
{
	struct rmi_realm_params measured = {
		.flags = params->flags,
		.s2sz = params->s2sz,
		.sve_vl = params->sve_vl,
		.num_bps = params->num_bps,
		.num_wps = params->num_wps,
		.pmu_num_ctrs = params->pmu_num_ctrs,
		.hash_algo = params->hash_algo,
	};

	memset(rd->measurement, 0, sizeof(rd->measurement));
	hash_to_slot(rd, rd->measurement[RIM], &measured, sizeof(measured));
}

void measurement_data_create(struct rd *rd, uint64_t ipa, uint64_t flags, const void *content)
{
	struct measurement_descriptor_data descriptor = {
		.desc_type = DESCRIPTOR_DATA,
		.len = sizeof(descriptor),
		.ipa = ipa,
		.flags = flags,
	};

	memcpy(descriptor.rim, rd->measurement[RIM], sizeof(descriptor.rim));
	if (content != NULL)
		hash_to_slot(rd, descriptor.content, content, GRANULE_SIZE);
	hash_to_slot(rd, rd->measurement[RIM], &descriptor, sizeof(descriptor));
}

void measurement_rec_create(struct rd *rd, const struct rmi_rec_params *params)
{
	struct measurement_descriptor_rec descriptor = {
		.desc_type = DESCRIPTOR_REC,
		.len = sizeof(descriptor),
	};
	struct rmi_rec_params measured = { .flags = params->flags, .pc = params->pc };

	if ((params->flags & RMI_REC_CREATE_FLAGS_RUNNABLE_MASK) == 0)
		return;
	memcpy(measured.gprs, params->gprs, sizeof(measured.gprs));
	memcpy(descriptor.rim, rd->measurement[RIM], sizeof(descriptor.rim));
	hash_to_slot(rd, descriptor.content, &measured, sizeof(measured));
	hash_to_slot(rd, rd->measurement[RIM], &descriptor, sizeof(descriptor));
}

void measurement_init_ripas(struct rd *rd, uint64_t base, uint64_t top)
{
	struct measurement_descriptor_ripas descriptor = {
		.desc_type = DESCRIPTOR_RIPAS,
		.len = sizeof(descriptor),
		.base = base,
		.top = top,
	};

	memcpy(descriptor.rim, rd->measurement[RIM], sizeof(descriptor.rim));
	hash_to_slot(rd, rd->measurement[RIM], &descriptor, sizeof(descriptor));
}

void measurement_extend_rem(struct rd *rd, unsigned int index, const void *data, size_t size)
{
	uint8_t *slot = rd->measurement[index];
	struct sha2 s;

	sha2_start(&s, kind(rd));
	sha2_update(&s, slot, measurement_hash_size(rd));
	sha2_update(&s, data, size);
	sha2_finish(&s, slot);
}
