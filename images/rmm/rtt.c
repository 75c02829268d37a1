/* SPDX-License-Identifier: BSD-3-Clause */
#include "rtt.h"

#include <sysreg.h>

#define DESC_VALID 1UL
#define DESC_TABLE_OR_PAGE 2UL
#define DESC_MEMATTR_WB (6UL << 2) /* with HCR_EL2.FWB: Normal, write-back */
#define DESC_S2AP_RW (3UL << 6)
#define DESC_SH_INNER (3UL << 8)
#define DESC_AF (1UL << 10)
#define DESC_XN (1UL << 54)
#define DESC_NS (1UL << 55)
#define DESC_PA_MASK UNPROTECTED_DESC_OA_MASK
#define DESC_HOST_MASK (UNPROTECTED_DESC_MEMATTR_MASK | UNPROTECTED_DESC_S2AP_MASK)

/* Software bits of entries that do not translate. */
#define SW_HIPAS_SHIFT 2
#define SW_RIPAS_SHIFT 4
#define SW_MASK 3UL

#define VMID_SHIFT 48

static bool translates(const struct rtte *rtte)
{
	return rtte->hipas == HIPAS_ASSIGNED_NS ||
	       (rtte->hipas == HIPAS_ASSIGNED && rtte->ripas == RIPAS_RAM);
}

uint64_t rtte_encode(int level, const struct rtte *rtte)
{
	uint64_t leaf = DESC_VALID | DESC_SH_INNER | DESC_AF;

	if (rtte->hipas == HIPAS_TABLE)
		return rtte->pa | DESC_TABLE_OR_PAGE | DESC_VALID;
	if (!translates(rtte))
		return rtte->pa | ((uint64_t)rtte->hipas << SW_HIPAS_SHIFT) |
		       ((uint64_t)rtte->ripas << SW_RIPAS_SHIFT);
	if (level == RTT_LEVEL_PAGE)
		leaf |= DESC_TABLE_OR_PAGE;
	/* A Realm never executes Non-secure memory: the fetch aborts as a permission fault. */
	if (rtte->hipas == HIPAS_ASSIGNED_NS)
		return rtte->pa | rtte->attr | leaf | DESC_NS | DESC_XN;
	return rtte->pa | leaf | DESC_MEMATTR_WB | DESC_S2AP_RW;
}

struct rtte rtte_decode(int level, uint64_t value)
{
	struct rtte rtte = { .pa = value & DESC_PA_MASK };

	if ((value & DESC_VALID) == 0) {
		rtte.hipas = (enum hipas)((value >> SW_HIPAS_SHIFT) & SW_MASK);
		rtte.ripas = (enum ripas)((value >> SW_RIPAS_SHIFT) & SW_MASK);
	} else if (level != RTT_LEVEL_PAGE && (value & DESC_TABLE_OR_PAGE) != 0) {
		rtte.hipas = HIPAS_TABLE;
	} else if ((value & DESC_NS) != 0) {
		rtte.hipas = HIPAS_ASSIGNED_NS;
		rtte.attr = value & DESC_HOST_MASK;
	} else {
		rtte.hipas = HIPAS_ASSIGNED;
		rtte.ripas = RIPAS_RAM;
	}
	return rtte;
}

void rtt_write(uint64_t *entry, uint64_t value)
{
	*(volatile uint64_t *)entry = value;
}

/* TLBI of the EL1&0 regime acts on the VMID in VTTBR_EL2; REC entry sets it anew. */
static void select_vmid(const struct rd *rd)
{
	if (read_sysreg(vttbr_el2) >> VMID_SHIFT != rd->vmid) {
		write_sysreg(vttbr_el2, (uint64_t)rd->vmid << VMID_SHIFT);
		isb();
	}
}

void rtt_invalidate_realm(const struct rd *rd)
{
	select_vmid(rd);
	dsb(ishst);
	__asm__ volatile("tlbi vmalls12e1is" : : : "memory");
	dsb(ish);
	isb();
}

static void invalidate_ipa(const struct rd *rd, uint64_t ipa)
{
	select_vmid(rd);
	dsb(ishst);
	__asm__ volatile("tlbi ipas2e1is, %0" : : "r"(ipa >> GRANULE_SHIFT) : "memory");
	dsb(ish);
	/* Combined stage 1 and 2 entries carry no IPA. */
	__asm__ volatile("tlbi vmalle1is" : : : "memory");
	dsb(ish);
	isb();
}

void rtt_replace(const struct rd *rd, const struct rtt_walk *walk, uint64_t ipa,
		 const struct rtte *rtte)
{
	struct rtte old = rtte_decode(walk->level, *walk->entry);

	if (old.hipas == HIPAS_TABLE) {
		rtt_write(walk->entry, 0);
		rtt_invalidate_realm(rd);
	} else if (translates(&old)) {
		rtt_write(walk->entry, 0);
		invalidate_ipa(rd, ipa);
	}
	dsb(ishst);
	rtt_write(walk->entry, rtte_encode(walk->level, rtte));
	dsb(ishst);
}

void rtt_walk(const struct rd *rd, uint64_t ipa, int level, struct rtt_walk *out)
{
	int at = rd->start_level;
	/* Concatenated root tables are one array. */
	uint64_t *entry = (uint64_t *)rd->root_base + ipa / rtt_entry_size(at);
	struct rtte rtte = rtte_decode(at, *entry);

	while (at < level && rtte.hipas == HIPAS_TABLE) {
		at++;
		entry = (uint64_t *)rtte.pa + (ipa / rtt_entry_size(at)) % RTT_ENTRIES;
		rtte = rtte_decode(at, *entry);
	}
	*out = (struct rtt_walk){
		.level = at,
		.hipas = rtte.hipas,
		.ripas = rtte.ripas,
		.pa = rtte.pa,
		.base = ipa & ~(rtt_entry_size(at) - 1),
		.size = rtt_entry_size(at),
		.entry = entry,
	};
}

/* Entries from this one to the end of its granule-sized table. */
static unsigned int entries_left(const uint64_t *entry)
{
	return RTT_ENTRIES - ((uintptr_t)entry & GRANULE_MASK) / sizeof(*entry);
}

bool rtt_next_entry(struct rtt_walk *walk)
{
	struct rtte rtte;

	walk->base += walk->size;
	if (entries_left(walk->entry) == 1)
		return false;
	walk->entry++;
	rtte = rtte_decode(walk->level, *walk->entry);
	walk->hipas = rtte.hipas;
	walk->ripas = rtte.ripas;
	walk->pa = rtte.pa;
	return true;
}

uint64_t rtt_next_live(const struct rtt_walk *walk, uint64_t ipa)
{
	unsigned int left = entries_left(walk->entry);

	for (unsigned int n = 0; n < left; n++) {
		struct rtte rtte = rtte_decode(walk->level, walk->entry[n]);

		if (rtte_is_live(&rtte))
			return n == 0 ? ipa : walk->base + n * walk->size;
	}
	return walk->base + left * walk->size;
}

bool rtt_table_is_live(const uint64_t *table, int level)
{
	for (unsigned int n = 0; n < RTT_ENTRIES; n++) {
		struct rtte rtte = rtte_decode(level, table[n]);

		if (rtte.hipas == HIPAS_TABLE || rtte.hipas == HIPAS_ASSIGNED)
			return true;
	}
	return false;
}

uint64_t rtt_ripas_run(const struct rd *rd, uint64_t base, uint64_t top, enum ripas *ripas)
{
	struct rtt_walk walk;

	rtt_walk(rd, base, RTT_LEVEL_PAGE, &walk);
	*ripas = walk.ripas;
	while (rtt_next_entry(&walk) && walk.base < top && walk.hipas != HIPAS_TABLE &&
	       walk.ripas == *ripas)
		;
	return walk.base < top ? walk.base : top;
}
