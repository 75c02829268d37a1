/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Spinlock.
 *
 * Invariants: all zero is unlocked; not recursive; the holder has interrupts masked.
 * Taking orders later accesses behind it, releasing orders earlier ones before it.
 * Waiting executes YIELD, so that a single-threaded emulator runs the holder.
 */
#ifndef COMMON_SPINLOCK_H
#define COMMON_SPINLOCK_H

#include <stdint.h>

struct spinlock {
	uint32_t taken;
};

static inline void spin_lock(struct spinlock *lock)
{
	while (__atomic_exchange_n(&lock->taken, 1, __ATOMIC_ACQUIRE) != 0)
		__asm__ volatile("yield");
}

static inline void spin_unlock(struct spinlock *lock)
{
	__atomic_store_n(&lock->taken, 0, __ATOMIC_RELEASE);
}

#endif
