/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/*
 * /dev/rmi: RMI calls of user space, followed so that everything can be taken back.
 *
 * Invariants:
 *  - Each open file owns granules; a granule has one owner, and nobody else can name it in a call.
 *  - `state` is what the RMM has been brought to by calls that succeeded; it changes only under `lock`.
 *  - A granule is mapped in a process, or given back to the kernel, only in state NORMAL: whatever
 *    takes it out of NORMAL takes it out of the page tables first.
 *  - No call hands the RMM memory of the kernel, or of another file: not as a granule to delegate,
 *    not as a page to map in a realm, not as a run page to write to.
 *  - User memory is never accessed under `lock`: it may be memory of this device, whose page faults take it.
 */
#ifndef RMI_H
#define RMI_H

#include <linux/atomic.h>
#include <linux/fs.h>
#include <linux/mutex.h>
#include <linux/types.h>
#include <linux/xarray.h>

#include <cca_abi.h>

#define RMI_GRANULE_BYTES 4096UL

enum rmi_state {
	RMI_NORMAL,	/* the normal world's */
	RMI_DELEGATED,	/* delegated, used for nothing */
	RMI_RD,
	RMI_ROOT,	/* starting level table; parent = RD */
	RMI_TABLE,	/* further table; parent = RD, at = first IPA, level */
	RMI_REC,	/* parent = RD */
	RMI_AUX,	/* parent = REC */
	RMI_DATA,	/* parent = RD, at = IPA */
};

/* Granule that several realms may have mapped as unprotected memory. */
#define RMI_SHARED_WITH_MANY 1

struct rmi_granule {
	u64 pa;
	u64 parent;
	u64 at;
	u64 shared;	/* RD of the realm that may have it mapped, RMI_SHARED_WITH_MANY, or 0 */
	enum rmi_state state;
	u32 busy;	/* calls under way without `lock` that use it */
	s8 level;	/* table: its level; RD: the level of the root tables */
	u8 ipa_bits;	/* RD */
};

struct rmi_owner {
	struct mutex lock;
	struct xarray granules;	/* PFN to struct rmi_granule */
	struct address_space *mapping;
	u64 count;
	u64 delegated;	/* granules in another state than NORMAL */
	u64 realms;
	u64 recs;
};

/* Sums over all files, for sysfs. */
extern atomic64_t rmi_all_granules, rmi_all_delegated, rmi_all_lost, rmi_all_realms, rmi_all_recs;
extern atomic64_t rmi_all_files;

/* memory.c */
struct rmi_granule *rmi_find(struct rmi_owner *owner, u64 pa);
void rmi_set_state(struct rmi_owner *owner, struct rmi_granule *granule, enum rmi_state state);
int rmi_alloc(struct rmi_owner *owner, struct rmi_device_memory *memory);
int rmi_free(struct rmi_owner *owner, const struct rmi_device_memory *memory);
/* Give a granule in state NORMAL back to the kernel, wiped; with `lock`. */
void rmi_give_back(struct rmi_owner *owner, struct rmi_granule *granule);

/* map.c */
int rmi_mmap(struct file *file, struct vm_area_struct *vma);
/* Take a range out of all processes. */
void rmi_unmap(struct rmi_owner *owner, u64 pa, u64 size);

/* call.c: x0..x7 in and out. */
void rmi_smc(u64 *x);
int rmi_call(struct rmi_owner *owner, struct rmi_device_call *call);

/* command.c: what a call may name, and what it needs before it is made. */
struct rmi_plan {
	u64 x[8];	/* as asked, with `bounce` in place of the parameters */
	struct page *bounce;
	struct rmi_granule *busy[2];
};
/* Returns 0 or an errno; with `lock`. What it took is given back by rmi_plan_end(). */
int rmi_plan_begin(struct rmi_owner *owner, struct rmi_plan *plan);
void rmi_plan_end(struct rmi_plan *plan);

/* books.c: follow a call that was made; with `lock`. */
void rmi_book(struct rmi_owner *owner, const struct rmi_plan *plan, const u64 *result);

/* teardown.c: nobody uses the file any more. */
void rmi_tear_down(struct rmi_owner *owner);

static inline u32 rmi_status(u64 x0)
{
	return x0 & RMI_COMMAND_RETURN_CODE_STATUS_MASK;
}

/* Bytes that an entry of a table of this level maps. */
static inline u64 rmi_entry_bytes(int level)
{
	return 1ULL << (12 + 9 * (3 - level));
}

#endif
