/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The QEMU side of the tap: instruments each SMC and the instruction behind it, and what the
 * guest waits with.
 *
 * The result of a call is what its caller finds in x0..x7 at the next instruction. That holds
 * for every callee: EL3, an RMM that traps a realm's SMC, a hypervisor that traps a guest's.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <string.h>

#include "options.h"
#include "qemu_plugin_api.h"
#include "recorder.h"
#include "registers.h"
#include "say.h"
#include "yields.h"

#define EXPORT __attribute__((visibility("default")))
#define SMC_MASK 0xFFE0001Fu
#define SMC_BITS 0xD4000003u
#define PAGE_BYTES 4096u
#define INSTRUCTION_BYTES 4u
#define PAGE_ENDS 64u

EXPORT int qemu_plugin_version = PLUGIN_API_IDS;
EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc, char **argv);

static int api;
static bool records;
static bool counts;
static qemu_plugin_u64 instructions;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* Where the instruction after an SMC lies in another page: it cannot be looked up from there. */
static uint64_t page_ends[PAGE_ENDS];
static unsigned int page_end_count;

static void locate(struct moment *moment, unsigned int cpu, void *userdata)
{
	moment->cpu = (uint16_t)cpu;
	moment->pc = (uintptr_t)userdata;
	moment->instructions = counts ? qemu_plugin_u64_get(instructions, cpu) : 0;
	moment->complete = registers_where(&moment->state, &moment->level) &&
			   registers_read(moment->x, RECORDER_REGISTERS);
}

static void on_smc(unsigned int cpu, void *userdata)
{
	struct moment moment = { 0 };

	locate(&moment, cpu, userdata);
	recorder_call(&moment);
}

static void on_return(unsigned int cpu, void *userdata)
{
	struct moment moment = { 0 };

	locate(&moment, cpu, userdata);
	recorder_return(&moment);
}

static bool is_smc(uint32_t word)
{
	return (word & SMC_MASK) == SMC_BITS;
}

static void remember_page_end(uint64_t next)
{
	pthread_mutex_lock(&lock);
	for (unsigned int n = 0; n < page_end_count; n++) {
		if (page_ends[n] == next) {
			pthread_mutex_unlock(&lock);
			return;
		}
	}
	if (page_end_count < PAGE_ENDS)
		page_ends[page_end_count++] = next;
	else
		say("too many SMCs at page ends: the return to %#llx is not seen",
		    (unsigned long long)next);
	pthread_mutex_unlock(&lock);
}

static bool is_page_end(uint64_t address)
{
	bool known = false;

	pthread_mutex_lock(&lock);
	for (unsigned int n = 0; n < page_end_count; n++)
		known |= page_ends[n] == address;
	pthread_mutex_unlock(&lock);
	return known;
}

/* An SMC ends its block, so that only the first instruction of one can follow an SMC. */
static bool follows_smc(const struct qemu_plugin_insn *insn)
{
	uint64_t address = qemu_plugin_insn_vaddr(insn);
	const uint8_t *host = qemu_plugin_insn_haddr(insn);
	uint32_t word;

	if (address % PAGE_BYTES == 0)
		return is_page_end(address);
	if (!host)
		return false;
	memcpy(&word, host - INSTRUCTION_BYTES, sizeof(word));
	return is_smc(word);
}

static void instrument_calls(struct qemu_plugin_tb *tb, size_t count)
{
	struct qemu_plugin_insn *first = qemu_plugin_tb_get_insn(tb, 0);
	struct qemu_plugin_insn *last = qemu_plugin_tb_get_insn(tb, count - 1);
	uint64_t address = qemu_plugin_insn_vaddr(last);
	uint32_t word = 0;

	if (counts)
		qemu_plugin_register_vcpu_tb_exec_inline_per_vcpu(tb, TAP_INLINE_ADD_U64,
								  instructions, count);
	if (follows_smc(first))
		qemu_plugin_register_vcpu_insn_exec_cb(
			first, on_return, TAP_CB_R_REGS,
			(void *)(uintptr_t)qemu_plugin_insn_vaddr(first));
	if (qemu_plugin_insn_data(last, &word, sizeof(word)) != sizeof(word) || !is_smc(word))
		return;
	if ((address + INSTRUCTION_BYTES) % PAGE_BYTES == 0)
		remember_page_end(address + INSTRUCTION_BYTES);
	qemu_plugin_register_vcpu_insn_exec_cb(last, on_smc, TAP_CB_R_REGS,
					       (void *)(uintptr_t)address);
}

static void on_translate(struct qemu_plugin_tb *tb)
{
	size_t count = qemu_plugin_tb_n_insns(tb);

	yields_instrument(tb, count);
	if (records)
		instrument_calls(tb, count);
}

static void on_cpu(void)
{
	static bool tried;

	pthread_mutex_lock(&lock);
	if (!tried)
		registers_find(api);
	tried = true;
	pthread_mutex_unlock(&lock);
}

static void on_translate_with_id(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
	(void)id;
	on_translate(tb);
}

static void on_translate_with_userdata(struct qemu_plugin_tb *tb, void *userdata)
{
	(void)userdata;
	on_translate(tb);
}

/* QEMU asks for the version before it says its own: a function of 11.1 tells them apart. */
__attribute__((constructor)) static void choose_version(void)
{
	if (dlsym(RTLD_DEFAULT, "qemu_plugin_set_pc"))
		qemu_plugin_version = PLUGIN_API_USERDATA;
}

static void register_callbacks(qemu_plugin_id_t id)
{
	bool userdata = qemu_plugin_version >= PLUGIN_API_USERDATA;

	/* These two look at none of their arguments, which therefore may be any. */
	if (records) {
		qemu_plugin_register_vcpu_init_cb(id, on_cpu, NULL);
		qemu_plugin_register_atexit_cb(id, recorder_close, NULL);
	}
	qemu_plugin_register_vcpu_tb_trans_cb(
		id,
		userdata ? (qemu_plugin_any_cb)on_translate_with_userdata :
			   (qemu_plugin_any_cb)on_translate_with_id,
		NULL);
}

static bool fits(const qemu_info_t *info)
{
	if (info->version.cur < qemu_plugin_version || info->version.min > qemu_plugin_version) {
		say("this QEMU has plugin interface %d (compatible down to %d), the tap speaks "
		    "%d and %d: QEMU 10.0, 11.1, and those between and not much later",
		    info->version.cur, info->version.min, PLUGIN_API_IDS, PLUGIN_API_USERDATA);
		return false;
	}
	if (!info->system_emulation || strcmp(info->target_name, "aarch64") != 0) {
		say("the target is %s, the tap is for aarch64 machines", info->target_name);
		return false;
	}
	return true;
}

int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc, char **argv)
{
	struct options options;

	if (!fits(info) || !options_parse(&options, argc, argv))
		return -1;
	if (options.record &&
	    !recorder_open(&options, (uint32_t)info->system.max_vcpus, (uint32_t)info->version.cur))
		return -1;
	api = info->version.cur;
	records = options.record;
	counts = options.record && options.count;
	if (counts)
		instructions.score = qemu_plugin_scoreboard_new(sizeof(uint64_t));
	register_callbacks(id);
	return 0;
}
