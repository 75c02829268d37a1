/* SPDX-License-Identifier: BSD-3-Clause */
#include "lock.h"

#include <spinlock.h>

static struct spinlock big_lock;

void rmm_lock(void)
{
	spin_lock(&big_lock);
}

void rmm_unlock(void)
{
	spin_unlock(&big_lock);
}
