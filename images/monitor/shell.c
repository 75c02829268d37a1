/* SPDX-License-Identifier: BSD-3-Clause */
#include <print.h>

#include "access.h"
#include "call.h"
#include "guard.h"
#include "pe.h"
#include "psci.h"
#include "shell.h"

#define ARGS_MAX 8
#define DEFAULT_WIDTH_BYTES 8
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Function ids that the RMM specification sets aside for RMI. */
#define FID_RMI_FIRST 0xc4000150
#define FID_RMI_LAST 0xc400018f

/* What SMCCC returns for a function id that nobody knows. */
#define NOT_SUPPORTED (~0ull)

#define ESR_DFSC_MASK 0x3f
#define DFSC_GRANULE_PROTECTION 0x28

struct command {
	const char *name;
	const char *usage;
	const char *help;
	unsigned int args_min;
	unsigned int args_max;
	uint64_t fid; /* of the RMI commands, 0 for others */
	/* `x` holds ARGS_MAX numbers: the fid, if any, the arguments, zeros. It may be changed. */
	void (*run)(uint64_t *x);
};

static void show_rmi_status(uint64_t x0)
{
	static const char *const names[] = {
		[RMI_SUCCESS] = "RMI_SUCCESS",
		[RMI_ERROR_INPUT] = "RMI_ERROR_INPUT",
		[RMI_ERROR_REALM] = "RMI_ERROR_REALM",
		[RMI_ERROR_REC] = "RMI_ERROR_REC",
		[RMI_ERROR_RTT] = "RMI_ERROR_RTT",
	};
	uint64_t status = x0 & RMI_COMMAND_RETURN_CODE_STATUS_MASK;
	uint64_t index = (x0 & RMI_COMMAND_RETURN_CODE_INDEX_MASK) >> RMI_COMMAND_RETURN_CODE_INDEX_SHIFT;

	if (x0 == NOT_SUPPORTED)
		printk("not supported: no RMM implements this call\n");
	else if (status >= COUNT(names))
		printk("unknown status 0x%lx\n", x0);
	else if (status == RMI_ERROR_RTT || index != 0)
		printk("%s, index %lu\n", names[status], index);
	else
		printk("%s\n", names[status]);
}

static void run_smc(uint64_t *x)
{
	uint64_t fid = x[0];

	smc_call(x, x);
	for (unsigned int n = 0; n < 8; n += 2)
		printk("x%u 0x%016lx  x%u 0x%016lx\n", n, x[n], n + 1, x[n + 1]);
	if (fid >= FID_RMI_FIRST && fid <= FID_RMI_LAST)
		show_rmi_status(x[0]);
}

static void run_version(uint64_t *x)
{
	x[1] = RMI_ABI_VERSION;
	smc_call(x, x);
	show_rmi_status(x[0]);
	if (x[0] != NOT_SUPPORTED)
		printk("RMI %lu.%lu to %lu.%lu\n", x[1] >> 16, x[1] & 0xffff, x[2] >> 16, x[2] & 0xffff);
}

static void run_features(uint64_t *x)
{
	smc_call(x, x);
	show_rmi_status(x[0]);
	printk("0x%016lx\n", x[1]);
}

static void run_granule(uint64_t *x)
{
	smc_call(x, x);
	show_rmi_status(x[0]);
}

/* The width to use for an argument, 0 after a complaint. */
static uint64_t width_of(uint64_t arg)
{
	uint64_t width_bytes = arg == 0 ? DEFAULT_WIDTH_BYTES : arg;

	if (access_width_valid(width_bytes))
		return width_bytes;
	printk("WIDTH is 1, 2, 4 or 8 bytes\n");
	return 0;
}

static void show_abort(const struct guard *guard)
{
	printk("abort: ESR 0x%lx FAR 0x%lx%s\n", guard->esr, guard->far,
	       (guard->esr & ESR_DFSC_MASK) == DFSC_GRANULE_PROTECTION ? ", granule protection fault" : "");
}

static void run_read(uint64_t *x)
{
	uint64_t width = width_of(x[1]);
	uint64_t value = 0;
	struct guard guard;

	if (width == 0)
		return;
	if (guard_run(&guard, access_read, x[0], width, (uint64_t)&value))
		printk("0x%lx\n", value);
	else
		show_abort(&guard);
}

static void run_write(uint64_t *x)
{
	uint64_t width = width_of(x[2]);
	struct guard guard;

	if (width != 0 && !guard_run(&guard, access_write, x[0], width, x[1]))
		show_abort(&guard);
}

static void run_cpu(uint64_t *x)
{
	if (x[0] >= MONITOR_MAX_PES) {
		printk("there are PEs 0 to %u at most\n", MONITOR_MAX_PES - 1);
		return;
	}
	int64_t result = psci_cpu_on((uint32_t)x[0]);

	printk("PSCI_CPU_ON: %ld%s\n", result,
	       result == PSCI_RETURN_CODE_ALREADY_ON ? " (is on already)" : "");
}

#define SHOW(name) printk("%s 0x%016lx\n", #name, read_sysreg(name))

static void run_regs(uint64_t *x)
{
	(void)x;
	SHOW(CurrentEL);
	SHOW(mpidr_el1);
	SHOW(midr_el1);
	SHOW(id_aa64pfr0_el1);
	SHOW(sctlr_el2);
	SHOW(hcr_el2);
	SHOW(vbar_el2);
	SHOW(ttbr0_el2);
	SHOW(cntfrq_el0);
	SHOW(cntpct_el0);
	for (unsigned int n = 0; n < MONITOR_MAX_PES; n++)
		if (__atomic_load_n(&mailboxes[n].pe_state, __ATOMIC_ACQUIRE) != MONITOR_PE_STATE_OFF)
			printk("PE %u is on\n", n);
}

static void run_help(uint64_t *x);

static const struct command table[] = {
	{ "help", "", "this list", 0, 0, 0, run_help },
	{ "version", "", "RMI_VERSION", 0, 0, FID_RMI_VERSION, run_version },
	{ "features", "[N]", "RMI_FEATURES: feature register N", 0, 1, FID_RMI_FEATURES, run_features },
	{ "delegate", "PA", "RMI_GRANULE_DELEGATE", 1, 1, FID_RMI_GRANULE_DELEGATE, run_granule },
	{ "undelegate", "PA", "RMI_GRANULE_UNDELEGATE", 1, 1, FID_RMI_GRANULE_UNDELEGATE, run_granule },
	{ "smc", "FID [X1 ... X7]", "any SMC; shows x0 to x7", 1, 8, 0, run_smc },
	{ "read", "PA [WIDTH]", "load 1, 2, 4 or 8 (default) bytes", 1, 2, 0, run_read },
	{ "write", "PA VALUE [WIDTH]", "store as many", 2, 3, 0, run_write },
	{ "cpu", "N", "switch PE N on", 1, 1, 0, run_cpu },
	{ "regs", "", "registers of PE 0, and which PEs are on", 0, 0, 0, run_regs },
};

static void run_help(uint64_t *x)
{
	(void)x;
	for (unsigned int n = 0; n < COUNT(table); n++)
		printk("%10s %16s  %s\n", table[n].name, table[n].usage, table[n].help);
	printk("Numbers are hexadecimal, with or without 0x. Everything is done by PE 0.\n");
}

static bool same(const char *a, const char *b)
{
	while (*a != '\0' && *a == *b) {
		a++;
		b++;
	}
	return *a == *b;
}

/* Cut off the next word; NULL if there is none. */
static char *next_word(char **rest)
{
	char *word = *rest;

	while (*word == ' ')
		word++;
	if (*word == '\0')
		return NULL;
	char *end = word;

	while (*end != ' ' && *end != '\0')
		end++;
	*rest = *end == '\0' ? end : end + 1;
	*end = '\0';
	return word;
}

static bool parse_hex(const char *word, uint64_t *value)
{
	unsigned int digits = 0;

	if (word[0] == '0' && (word[1] == 'x' || word[1] == 'X'))
		word += 2;
	for (*value = 0; *word != '\0'; word++) {
		char c = *word | 0x20; /* lower case; digits stay */

		if (c >= '0' && c <= '9')
			*value = *value << 4 | (uint64_t)(c - '0');
		else if (c >= 'a' && c <= 'f')
			*value = *value << 4 | (uint64_t)(c - 'a' + 10);
		else
			return false;
		digits++;
	}
	return digits >= 1 && digits <= 16;
}

static void run_command(const struct command *command, char *rest)
{
	uint64_t x[ARGS_MAX] = { command->fid };
	uint64_t *args = command->fid == 0 ? x : x + 1;
	unsigned int count = 0;
	char *word;

	for (; (word = next_word(&rest)) != NULL && count < command->args_max; count++)
		if (!parse_hex(word, &args[count])) {
			printk("not a hexadecimal number of at most 64 bits: %s\n", word);
			return;
		}
	if (count < command->args_min || word != NULL)
		printk("usage: %s %s\n", command->name, command->usage);
	else
		command->run(x);
}

void shell_run(char *line)
{
	char *name = next_word(&line);

	if (name == NULL)
		return;
	for (unsigned int n = 0; n < COUNT(table); n++)
		if (same(name, table[n].name)) {
			run_command(&table[n], line);
			return;
		}
	printk("unknown command, try help\n");
}
