/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Realm Execution Contexts: one per virtual PE of a Realm.
 *
 * Invariants:
 * - A struct rec lives at the start of a granule in state REC; its `aux` granules are in state
 *   REC_AUX and hold the contexts of context.h. Both belong to the Realm whose RD is at `rd`, which
 *   outlives them (they keep it live).
 * - The RMM lock protects all fields. A PE that set `state` to RUNNING drops the lock while the
 *   Realm executes; until it sets READY again, only that PE changes fields, except `ripas.addr`,
 *   which stays closed to RMI_RTT_SET_RIPAS then.
 * - gprs, pc and pstate are the Realm's; none of their values reaches the host other than through
 *   the exit record.
 */
#ifndef RMM_REC_H
#define RMM_REC_H

#include <stdbool.h>
#include <stdint.h>

#include "cca_abi.h"
#include "realm.h"

/* aux[0]: EL1 registers; aux[1]: SIMD and debug registers. */
#define REC_AUX_COUNT 2U
#define REC_GPR_COUNT 31U
#define REC_LR_MAX 16U
#define REC_APR_MAX 4U

enum rec_state {
	REC_READY,
	REC_RUNNING,
};

/* What the previous exit allows the host to ask for at the next entry. */
enum rec_abort {
	REC_ABORT_NONE,
	REC_ABORT_UNPROTECTED, /* data abort at an unprotected IPA: INJECT_SEA */
	REC_ABORT_EMULATABLE,  /* the same with a usable syndrome: INJECT_SEA or EMUL_MMIO */
};

/* Window of RSI_IPA_STATE_SET, open from its exit until the next entry; closed: all zero. */
struct rec_ripas {
	uint64_t addr; /* first address not processed yet; RMI_RTT_SET_RIPAS advances it */
	uint64_t top;
	uint8_t value; /* RMI_RIPAS_EMPTY or RMI_RIPAS_RAM */
	bool change_destroyed;
};

/* A PSCI call that only RMI_PSCI_COMPLETE can finish; fid = 0: none. */
struct rec_psci {
	uint32_t fid;
	uint64_t target; /* RmiRecMpidr */
	uint64_t entry_point;
	uint64_t context_id;
};

struct rec_gic {
	uint64_t hcr;
	uint64_t vmcr;
	uint64_t misr;
	uint64_t lrs[REC_LR_MAX];
	uint64_t ap0r[REC_APR_MAX];
	uint64_t ap1r[REC_APR_MAX];
};

struct rec_timer {
	uint64_t ctl;
	uint64_t cval;
	bool reported; /* it was asserted when the REC last exited */
};

struct rec {
	uint64_t gprs[REC_GPR_COUNT]; /* first: enter.S is given the address of the REC */
	uint64_t pc;
	uint64_t pstate;

	enum rec_state state;
	bool runnable;
	uint64_t rd;    /* PA of the owner's RD */
	uint64_t mpidr; /* RmiRecMpidr */
	uint64_t aux[REC_AUX_COUNT];

	struct rec_ripas ripas;
	struct rec_psci psci;
	struct rec_gic gic;
	struct rec_timer cntv;
	struct rec_timer cntp;

	enum rec_abort abort; /* of the previous exit */
	uint64_t abort_esr;
	uint64_t abort_far;
	bool sysreg_read_pending; /* the previous exit was a trapped read into X<sysreg_rt> */
	unsigned int sysreg_rt;
	bool host_call_pending;
	uint64_t host_call_ipa;
};

_Static_assert(sizeof(struct rec) <= GRANULE_SIZE, "a REC is one granule");

static inline bool rec_ripas_window_is_open(const struct rec *rec)
{
	return rec->ripas.top != 0;
}

/* The index that a RecMpidr stands for; false if reserved bits are set. */
bool rec_mpidr_index(uint64_t mpidr, uint64_t *index);

/*
 * Between a RecMpidr and the affinity fields of MPIDR_EL1; the latter is false if other bits are
 * set.
 */
uint64_t rec_mpidr_to_affinity(uint64_t mpidr);
bool rec_mpidr_from_affinity(uint64_t affinity, uint64_t *mpidr);

/* Registers as after a reset of the virtual PE, entering at pc. The REC must not be RUNNING. */
void rec_reset(struct rec *rec, uint64_t pc);

#endif
