/* SPDX-License-Identifier: BSD-3-Clause */
#include "timer.h"

#include <sysreg.h>

#include "pe.h"
#include "sysreg_key.h"

#define CTL_ENABLE 1UL
#define CTL_IMASK 2UL
#define CTL_ISTATUS 4UL
#define CTL_BITS (CTL_ENABLE | CTL_IMASK | CTL_ISTATUS)

#define CNTHCTL_EL1PCTEN (1UL << 0)
#define CNTHCTL_EL1PCEN (1UL << 1)
#define CNTHCTL_EL1TVT (1UL << 13)
#define CNTHCTL_CNTVMASK (1UL << 18)
#define CNTHCTL_CNTPMASK (1UL << 19)

#define KEY_CNTP_TVAL SYSREG_KEY(3U, 3U, 14U, 2U, 0U)
#define KEY_CNTP_CTL SYSREG_KEY(3U, 3U, 14U, 2U, 1U)
#define KEY_CNTP_CVAL SYSREG_KEY(3U, 3U, 14U, 2U, 2U)
#define KEY_CNTV_TVAL SYSREG_KEY(3U, 3U, 14U, 3U, 0U)
#define KEY_CNTV_CTL SYSREG_KEY(3U, 3U, 14U, 3U, 1U)
#define KEY_CNTV_CVAL SYSREG_KEY(3U, 3U, 14U, 3U, 2U)

struct host_timers {
	struct rec_timer cntv;
	struct rec_timer cntp;
	uint64_t cntvoff;
	uint64_t cnthctl;
};

static struct host_timers host_timers[RMM_MAX_PES];

static bool asserted(uint64_t ctl)
{
	return (ctl & CTL_BITS) == (CTL_ENABLE | CTL_ISTATUS);
}

void timer_enter(const struct rec *rec)
{
	struct host_timers *host = &host_timers[pe_this()->index];

	host->cnthctl = read_sysreg(cnthctl_el2);
	host->cntvoff = read_sysreg(cntvoff_el2);
	host->cntv.ctl = read_sysreg(cntv_ctl_el0);
	host->cntv.cval = read_sysreg(cntv_cval_el0);
	host->cntp.ctl = read_sysreg(cntp_ctl_el0);
	host->cntp.cval = read_sysreg(cntp_cval_el0);

	/* Comparators before controls, so that no timer fires for the old time. */
	write_sysreg(cntv_ctl_el0, 0);
	write_sysreg(cntp_ctl_el0, 0);
	write_sysreg(cntvoff_el2, 0);
	timer_set_traps(rec);
	isb();
	write_sysreg(cntv_cval_el0, rec->cntv.cval);
	write_sysreg(cntp_cval_el0, rec->cntp.cval);
	isb();
	write_sysreg(cntv_ctl_el0, rec->cntv.ctl);
	write_sysreg(cntp_ctl_el0, rec->cntp.ctl);
	isb();
}

void timer_exit(struct rec *rec)
{
	const struct host_timers *host = &host_timers[pe_this()->index];

	isb();
	rec->cntv.ctl = read_sysreg(cntv_ctl_el0);
	rec->cntv.cval = read_sysreg(cntv_cval_el0);
	rec->cntv.reported = asserted(rec->cntv.ctl);
	rec->cntp.ctl = read_sysreg(cntp_ctl_el0);
	rec->cntp.cval = read_sysreg(cntp_cval_el0);
	rec->cntp.reported = asserted(rec->cntp.ctl);

	write_sysreg(cntv_ctl_el0, 0);
	write_sysreg(cntp_ctl_el0, 0);
	write_sysreg(cntvoff_el2, host->cntvoff);
	write_sysreg(cnthctl_el2, host->cnthctl);
	isb();
	write_sysreg(cntv_cval_el0, host->cntv.cval);
	write_sysreg(cntp_cval_el0, host->cntp.cval);
	isb();
	write_sysreg(cntv_ctl_el0, host->cntv.ctl);
	write_sysreg(cntp_ctl_el0, host->cntp.ctl);
	isb();
}

bool timer_output_changed(const struct rec *rec)
{
	return asserted(read_sysreg(cntv_ctl_el0)) != rec->cntv.reported ||
	       asserted(read_sysreg(cntp_ctl_el0)) != rec->cntp.reported;
}

void timer_set_traps(const struct rec *rec)
{
	uint64_t cnthctl = CNTHCTL_EL1PCTEN | CNTHCTL_EL1PCEN;

	if (rec->cntv.reported)
		cnthctl |= CNTHCTL_CNTVMASK | CNTHCTL_EL1TVT;
	if (rec->cntp.reported) {
		cnthctl |= CNTHCTL_CNTPMASK;
		cnthctl &= ~CNTHCTL_EL1PCEN;
	}
	write_sysreg(cnthctl_el2, cnthctl);
}

#define ACCESS(register_) \
	do { \
		if (is_write) \
			write_sysreg(register_, *value); \
		else \
			*value = read_sysreg(register_); \
	} while (0)

bool timer_access(uint32_t key, bool is_write, uint64_t *value)
{
	isb();
	switch (key) {
	case KEY_CNTP_TVAL:
		ACCESS(cntp_tval_el0);
		break;
	case KEY_CNTP_CTL:
		ACCESS(cntp_ctl_el0);
		break;
	case KEY_CNTP_CVAL:
		ACCESS(cntp_cval_el0);
		break;
	case KEY_CNTV_TVAL:
		ACCESS(cntv_tval_el0);
		break;
	case KEY_CNTV_CTL:
		ACCESS(cntv_ctl_el0);
		break;
	case KEY_CNTV_CVAL:
		ACCESS(cntv_cval_el0);
		break;
	default:
		return false;
	}
	isb();
	return true;
}

void timer_report(const struct rec *rec, struct rmi_rec_exit *exit)
{
	exit->cntp_ctl = rec->cntp.ctl;
	exit->cntp_cval = rec->cntp.cval;
	exit->cntv_ctl = rec->cntv.ctl;
	exit->cntv_cval = rec->cntv.cval;
}
