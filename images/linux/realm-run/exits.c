/* SPDX-License-Identifier: BSD-3-Clause */
#include <unistd.h>

#include "exits.h"
#include "say.h"

#define ESR_EC(esr) ((esr) >> 26 & 0x3f)
#define EC_WFX 0x01
#define EC_SYSREG 0x18
#define EC_INSTRUCTION_ABORT 0x20
#define EC_DATA_ABORT 0x24
#define ESR_ISV (1ULL << 24)
#define ESR_SAS(esr) ((esr) >> 22 & 3)
#define ESR_WNR (1ULL << 6)
#define SYSREG_KEY(iss) ((iss) & 0x3ffc1f)
/* Op0 3, Op2 5, Op1 0, CRn 12, CRm 11 */
#define SYSREG_SGI1R (3 << 20 | 5 << 17 | 0 << 14 | 12 << 10 | 11 << 1)
#define HPFAR_FIPA 0xfffffffffff0ULL
#define WFI_SLEEP_US 1000
#define FAULT_BYTES (128ULL << 10)

static uint64_t faulting_ipa(const struct rmi_rec_exit *exit)
{
	return (exit->hpfar & HPFAR_FIPA) << 8 | (exit->far & (GRANULE_BYTES - 1));
}

static bool within(uint64_t at, uint64_t base, uint64_t bytes)
{
	return at - base < bytes;
}

static bool is_device(const struct realm *realm, uint64_t offset)
{
	if (within(offset, UART_OFFSET, UART_BYTES))
		return true;
	return realm->options->kernel && (within(offset, GICD_OFFSET, GICD_BYTES) ||
					  within(offset, GICR_OFFSET, GICR_BYTES * realm->options->recs));
}

static uint64_t device_read(struct realm *realm, uint64_t offset)
{
	if (within(offset, GICD_OFFSET, GICD_BYTES))
		return gicd_read(realm, offset - GICD_OFFSET);
	if (within(offset, GICR_OFFSET, GICR_BYTES * realm->options->recs))
		return gicr_read(realm, offset - GICR_OFFSET);
	return uart_read(offset - UART_OFFSET);
}

static void device_write(struct realm *realm, uint64_t offset, uint64_t value, unsigned int width)
{
	if (within(offset, GICD_OFFSET, GICD_BYTES))
		gicd_write(realm, offset - GICD_OFFSET, value, width);
	else if (within(offset, GICR_OFFSET, GICR_BYTES * realm->options->recs))
		gicr_write(realm, offset - GICR_OFFSET, value);
	else
		uart_write(offset - UART_OFFSET, value);
}

static bool emulate(struct rec *rec, uint64_t ipa)
{
	const struct rmi_rec_exit *exit = &rec->run->exit;
	uint64_t offset = ipa - upper_half(rec->realm);
	unsigned int width = 1U << ESR_SAS(exit->esr);

	if (!is_device(rec->realm, offset) || !(exit->esr & ESR_ISV))
		return false;
	rec->counts.mmio++;
	if (exit->esr & ESR_WNR) {
		trace("rec %u: MMIO write of %u bytes at %#llx: %#llx", rec->index, width, (unsigned long long)ipa,
		      (unsigned long long)exit->gprs[0]);
		device_write(rec->realm, offset, exit->gprs[0], width);
	} else {
		rec->run->enter.gprs[0] = device_read(rec->realm, offset);
		trace("rec %u: MMIO read of %u bytes at %#llx: %#llx", rec->index, width, (unsigned long long)ipa,
		      (unsigned long long)rec->run->enter.gprs[0]);
	}
	rec->run->enter.flags |= RMI_REC_ENTER_FLAGS_EMUL_MMIO_MASK;
	return true;
}

/* Linux touches most of its memory: give it more than the page it asks for. */
static void map_around(struct realm *realm, uint64_t page)
{
	uint64_t bytes = realm->options->kernel ? FAULT_BYTES : GRANULE_BYTES, base = page & -bytes;

	for (uint64_t at = base; at < base + bytes; at += GRANULE_BYTES)
		map_unknown(realm, at);
}

static bool back(struct rec *rec, uint64_t ipa)
{
	struct realm *realm = rec->realm;
	uint64_t page = ipa & -GRANULE_BYTES;
	bool shared = within(ipa, upper_half(realm) + realm->ram, realm->ram_bytes);

	if (!shared && !within(ipa, realm->ram, realm->ram_bytes))
		return false;
	pthread_mutex_lock(&realm->memory);
	if (shared)
		map_shared(realm, page);
	else
		map_around(realm, page);
	pthread_mutex_unlock(&realm->memory);
	trace("rec %u: fault of %s memory at %#llx: page mapped", rec->index, shared ? "unprotected" : "protected",
	      (unsigned long long)ipa);
	if (shared)
		rec->counts.shared_faults++;
	else
		rec->counts.faults++;
	return true;
}

static void serve_abort(struct rec *rec)
{
	uint64_t ipa = faulting_ipa(&rec->run->exit);

	if (emulate(rec, ipa) || back(rec, ipa))
		return;
	if (ipa < upper_half(rec->realm)) {
		say("rec %u: fault at %#llx, where the realm has no memory", rec->index, (unsigned long long)ipa);
		realm_end(rec->realm, EXIT_STUCK);
		return;
	}
	trace("rec %u: nothing is at %#llx: external abort injected", rec->index, (unsigned long long)ipa);
	rec->run->enter.flags |= RMI_REC_ENTER_FLAGS_INJECT_SEA_MASK;
}

static void serve_sysreg(struct rec *rec)
{
	const struct rmi_rec_exit *exit = &rec->run->exit;

	if (SYSREG_KEY(exit->esr) == SYSREG_SGI1R) {
		gic_send_sgi(rec, exit->gprs[0]);
		return;
	}
	say("rec %u: access to a system register, syndrome %#llx: ignored", rec->index,
	    (unsigned long long)exit->esr);
}

static void serve_sync(struct rec *rec)
{
	uint64_t esr = rec->run->exit.esr;

	rec->counts.sync++;
	switch (ESR_EC(esr)) {
	case EC_WFX:
		rec->counts.wfi++;
		usleep(WFI_SLEEP_US);
		break;
	case EC_SYSREG:
		serve_sysreg(rec);
		break;
	case EC_INSTRUCTION_ABORT:
	case EC_DATA_ABORT:
		serve_abort(rec);
		break;
	default:
		say("rec %u: synchronous exit with syndrome %#llx", rec->index, (unsigned long long)esr);
		realm_end(rec->realm, EXIT_STUCK);
	}
}

/* Memory that became EMPTY is of no use to the realm: take it back. */
static void release(struct realm *realm, uint64_t base, uint64_t top)
{
	for (uint64_t at = base; at < top; at += GRANULE_BYTES)
		if (within(at, realm->ram, realm->ram_bytes))
			unmap_data(realm, at);
}

static void serve_ripas(struct rec *rec)
{
	const struct rmi_rec_exit *exit = &rec->run->exit;
	struct realm *realm = rec->realm;
	uint64_t done = exit->ripas_base;

	rec->counts.ripas++;
	if (realm->options->reject_ripas) {
		rec->run->enter.flags |= RMI_REC_ENTER_FLAGS_RIPAS_RESPONSE_MASK;
	} else {
		pthread_mutex_lock(&realm->memory);
		while (done < exit->ripas_top)
			done = set_ripas(realm, rec, done, exit->ripas_top);
		if (exit->ripas_value == RMI_RIPAS_EMPTY)
			release(realm, exit->ripas_base, done);
		pthread_mutex_unlock(&realm->memory);
	}
	trace("rec %u: RIPAS of %#llx to %#llx shall be %s: %s", rec->index, (unsigned long long)exit->ripas_base,
	      (unsigned long long)exit->ripas_top, exit->ripas_value == RMI_RIPAS_RAM ? "RAM" : "EMPTY",
	      realm->options->reject_ripas ? "rejected" : "done");
}

static void serve_host_call(struct rec *rec)
{
	uint16_t imm = rec->run->exit.imm;

	rec->counts.host_call++;
	trace("rec %u: host call %#x", rec->index, imm);
	if (imm == PAYLOAD_IMM)
		serve_payload(rec);
	else
		say("rec %u: host call %#x, x0 %#llx: nobody answers", rec->index, imm,
		    (unsigned long long)rec->run->exit.gprs[0]);
}

void serve_exit(struct rec *rec)
{
	rec->counts.total++;
	take_interrupts(rec);
	switch (rec->run->exit.exit_reason) {
	case RMI_REC_EXIT_REASON_SYNC:
		serve_sync(rec);
		break;
	case RMI_REC_EXIT_REASON_IRQ:
		rec->counts.irq++;
		break;
	case RMI_REC_EXIT_REASON_FIQ:
		rec->counts.fiq++;
		break;
	case RMI_REC_EXIT_REASON_PSCI:
		rec->counts.psci++;
		serve_psci(rec);
		break;
	case RMI_REC_EXIT_REASON_RIPAS_CHANGE:
		serve_ripas(rec);
		break;
	case RMI_REC_EXIT_REASON_HOST_CALL:
		serve_host_call(rec);
		break;
	default:
		rec->counts.serror++;
		say("rec %u: exit for reason %u, which nobody serves", rec->index, rec->run->exit.exit_reason);
		realm_end(rec->realm, EXIT_STUCK);
	}
}
