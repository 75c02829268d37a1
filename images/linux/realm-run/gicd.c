/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Interrupts 0..31 belong to each REC (SGIs, the timers), 32..63 to the realm. SGIs and what the realm sets pending
 * are latched; the rest are levels that their sources know. Priorities and groups are kept but not looked at.
 */
#include <string.h>

#include "exits.h"

#define PRIVATE 32

#define GIC_CTLR 0x0000
#define GICD_TYPER 0x0004
#define GIC_IIDR 0x0008
#define GICR_IIDR 0x0004
#define GICR_TYPER 0x0008
#define GICR_WAKER 0x0014
#define GIC_ISENABLER 0x0100
#define GIC_ICENABLER 0x0180
#define GIC_ISPENDR 0x0200
#define GIC_ICPENDR 0x0280
#define GIC_IPRIORITYR 0x0400
#define GIC_ICFGR 0x0c00
#define GICD_IROUTER 0x6100	/* of INTID 32 */
#define GIC_PIDR2 0xffe8
#define GICV3 0x3b
#define ARM_IIDR 0x43b
#define GICR_SGI_FRAME 0x10000
#define GICD_ALWAYS 0x50	/* DS and ARE */
#define GICD_TYPER_VALUE (1 | 15 << 19)	/* 64 INTIDs, 16 bits of them */
#define WAKER_SLEEP 2
#define WAKER_ASLEEP 4
#define TYPER_LAST (1 << 4)

struct bank {
	uint32_t enabled, latched;
	uint8_t priority[PRIVATE];
	uint32_t config[2];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct bank shared, private[MAX_RECS];
static uint32_t control, waker[MAX_RECS];
static uint64_t route[PRIVATE];

static void kick(struct rec *rec)
{
	if (rec->thread && !pthread_equal(rec->thread, pthread_self()))
		pthread_kill(rec->thread, SIGUSR1);
}

static uint32_t read_bank(const struct bank *bank, uint64_t offset, unsigned int first)
{
	uint32_t value = 0;

	if (offset == GIC_ISENABLER + first / 8 || offset == GIC_ICENABLER + first / 8)
		return bank->enabled;
	if (offset == GIC_ISPENDR + first / 8 || offset == GIC_ICPENDR + first / 8)
		return bank->latched;
	if (offset - GIC_IPRIORITYR - first < PRIVATE)
		memcpy(&value, &bank->priority[(offset - GIC_IPRIORITYR - first) & ~3ULL], sizeof(value));
	else if (offset - GIC_ICFGR - first / 4 < sizeof(bank->config))
		value = bank->config[(offset - GIC_ICFGR - first / 4) / 4];
	return value;
}

static void write_bank(struct bank *bank, uint64_t offset, unsigned int first, uint32_t value, unsigned int width)
{
	if (offset == GIC_ISENABLER + first / 8)
		bank->enabled |= value;
	else if (offset == GIC_ICENABLER + first / 8)
		bank->enabled &= ~value;
	else if (offset == GIC_ISPENDR + first / 8)
		bank->latched |= value;
	else if (offset == GIC_ICPENDR + first / 8)
		bank->latched &= ~value;
	else if (offset - GIC_IPRIORITYR - first < PRIVATE && width <= 4)
		memcpy(&bank->priority[(offset - GIC_IPRIORITYR - first) & -(uint64_t)width], &value, width);
	else if (offset - GIC_ICFGR - first / 4 < sizeof(bank->config))
		bank->config[(offset - GIC_ICFGR - first / 4) / 4] = value;
}

uint64_t gicd_read(struct realm *realm, uint64_t offset)
{
	uint64_t value = 0;

	(void)realm;
	pthread_mutex_lock(&lock);
	if (offset == GIC_CTLR)
		value = control | GICD_ALWAYS;
	else if (offset == GICD_TYPER)
		value = GICD_TYPER_VALUE;
	else if (offset == GIC_IIDR)
		value = ARM_IIDR;
	else if (offset == GIC_PIDR2)
		value = GICV3;
	else if (offset - GICD_IROUTER < sizeof(route))
		value = route[(offset - GICD_IROUTER) / 8];
	else
		value = read_bank(&shared, offset, PRIVATE);
	pthread_mutex_unlock(&lock);
	return value;
}

void gicd_write(struct realm *realm, uint64_t offset, uint64_t value, unsigned int width)
{
	pthread_mutex_lock(&lock);
	if (offset == GIC_CTLR)
		control = value & 3;
	else if (offset - GICD_IROUTER < sizeof(route))
		route[(offset - GICD_IROUTER) / 8] = value;
	else
		write_bank(&shared, offset, PRIVATE, value, width);
	pthread_mutex_unlock(&lock);
	kick(&realm->recs[0]);
}

uint64_t gicr_read(struct realm *realm, uint64_t offset)
{
	unsigned int index = offset / GICR_BYTES;
	uint64_t value = 0, mpidr = realm->recs[index].mpidr;

	offset %= GICR_BYTES;
	pthread_mutex_lock(&lock);
	if (offset >= GICR_SGI_FRAME)
		value = read_bank(&private[index], offset - GICR_SGI_FRAME, 0);
	else if (offset == GICR_IIDR)
		value = ARM_IIDR;
	else if (offset == GICR_TYPER)
		value = mpidr << 32 | index << 8 | (index + 1 == realm->options->recs ? TYPER_LAST : 0);
	else if (offset == GICR_TYPER + 4)
		value = mpidr;
	else if (offset == GICR_WAKER)
		value = waker[index];
	else if (offset == GIC_PIDR2)
		value = GICV3;
	pthread_mutex_unlock(&lock);
	return value;
}

void gicr_write(struct realm *realm, uint64_t offset, uint64_t value)
{
	unsigned int index = offset / GICR_BYTES;

	offset %= GICR_BYTES;
	pthread_mutex_lock(&lock);
	if (offset >= GICR_SGI_FRAME)
		write_bank(&private[index], offset - GICR_SGI_FRAME, 0, value, 4);
	else if (offset == GICR_WAKER)
		waker[index] = value & WAKER_SLEEP ? WAKER_SLEEP | WAKER_ASLEEP : 0;
	pthread_mutex_unlock(&lock);
	kick(&realm->recs[index]);
}

/* TargetList 15:0, Aff1 23:16, INTID 27:24, IRM 40 */
void gic_send_sgi(struct rec *rec, uint64_t value)
{
	struct realm *realm = rec->realm;
	unsigned int intid = value >> 24 & 0xf;
	bool others = value >> 40 & 1;

	for (unsigned int n = 0; n < realm->options->recs; n++) {
		struct rec *target = &realm->recs[n];
		bool listed = target->mpidr >> 8 == (value >> 16 & 0xff) && value >> (target->mpidr & 0xf) & 1;

		if (others ? target == rec : !listed)
			continue;
		pthread_mutex_lock(&lock);
		private[n].latched |= 1U << intid;
		pthread_mutex_unlock(&lock);
		kick(target);
	}
}

int gic_next(struct rec *rec, uint64_t levels, uint64_t taken)
{
	struct bank *own = &private[rec->index];
	uint64_t pending;
	int intid;

	pthread_mutex_lock(&lock);
	pending = (levels | own->latched) & own->enabled & 0xffffffff;
	for (unsigned int n = 0; n < PRIVATE; n++)
		if ((route[n] & 0xffffff) == rec->mpidr)
			pending |= ((levels >> 32 | shared.latched) & shared.enabled & 1ULL << n) << 32;
	pending &= ~taken;
	intid = pending ? __builtin_ctzll(pending) : -1;
	if (intid >= PRIVATE)
		shared.latched &= ~(1U << (intid - PRIVATE));
	else if (intid >= 0)
		own->latched &= ~(1U << intid);
	pthread_mutex_unlock(&lock);
	return intid;
}
