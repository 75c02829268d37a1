/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The operations of PayloadOp, as harness/abi/data/payload.toml defines them.
 *
 * Invariants: an op reads its arguments from `args` and writes its results to `values`,
 * which are zero before; it returns false if the arguments make no sense. Exceptions
 * meanwhile appear in the report by themselves.
 */
#ifndef PAYLOAD_OPS_H
#define PAYLOAD_OPS_H

#include <stdbool.h>
#include <stdint.h>

#include "rec.h"

bool op_read(struct rec *rec, const uint64_t *args, uint64_t *values);
bool op_write(struct rec *rec, const uint64_t *args, uint64_t *values);
bool op_fetch(struct rec *rec, const uint64_t *args, uint64_t *values);
bool op_touch(struct rec *rec, const uint64_t *args, uint64_t *values);
bool op_fill(struct rec *rec, const uint64_t *args, uint64_t *values);
bool op_sum(struct rec *rec, const uint64_t *args, uint64_t *values);
bool op_spin_until(struct rec *rec, const uint64_t *args, uint64_t *values);

bool op_execute(struct rec *rec, const uint64_t *args, uint64_t *values);

bool op_irq_setup(struct rec *rec, const uint64_t *args, uint64_t *values);
bool op_irq_wait(struct rec *rec, const uint64_t *args, uint64_t *values);
bool op_timer(struct rec *rec, const uint64_t *args, uint64_t *values);
bool op_spin(struct rec *rec, const uint64_t *args, uint64_t *values);

bool op_hello(struct rec *rec, const uint64_t *args, uint64_t *values);
bool op_smc(struct rec *rec, const uint64_t *args, uint64_t *values);
bool op_fp_set(struct rec *rec, const uint64_t *args, uint64_t *values);
bool op_fp_check(struct rec *rec, const uint64_t *args, uint64_t *values);
bool op_mmu(struct rec *rec, const uint64_t *args, uint64_t *values);
bool op_nop(struct rec *rec, const uint64_t *args, uint64_t *values);

#endif
