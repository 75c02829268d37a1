/* SPDX-License-Identifier: BSD-3-Clause */
#include "step.h"

#include "esr.h"

#define SIZE_32_BIT 4U
#define SIZE_16_BIT 2U

#define IT_LOW_SHIFT 25
#define IT_HIGH_SHIFT 10
#define IT_BASE_CONDITION 0xE0UL
#define IT_MASK 0x1FUL
#define IT_MORE 0x07UL

void step_over(struct rec *rec)
{
	rec->pc += SIZE_32_BIT;
	rec->pstate &= ~(PSTATE_BTYPE | PSTATE_SS);
}

/* ITAdvance() of the architecture. */
static uint64_t it_advance(uint64_t pstate)
{
	uint64_t it = ((pstate & PSTATE_IT_LOW) >> IT_LOW_SHIFT) |
		      ((pstate & PSTATE_IT_HIGH) >> IT_HIGH_SHIFT << 2);

	it = (it & IT_MORE) == 0 ? 0 : (it & IT_BASE_CONDITION) | ((it << 1) & IT_MASK);
	pstate &= ~(PSTATE_IT_LOW | PSTATE_IT_HIGH);
	return pstate | ((it & 3) << IT_LOW_SHIFT) | (it >> 2 << IT_HIGH_SHIFT);
}

void step_over_any(struct rec *rec, uint64_t esr)
{
	if ((rec->pstate & PSTATE_AARCH32) == 0) {
		step_over(rec);
		return;
	}
	rec->pc += (esr & ESR_IL) != 0 ? SIZE_32_BIT : SIZE_16_BIT;
	rec->pstate = it_advance(rec->pstate & ~PSTATE_SS);
}
