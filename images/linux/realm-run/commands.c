/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "exits.h"
#include "script.h"

#define RIM_BYTES 64
#define UART_CHARACTER_BYTES 1
#define TIMER_WAITS 100	/* times as long as the timer runs */

static void tell(struct command *command, const char *name, uint64_t value)
{
	size_t at = strlen(command->result);

	snprintf(command->result + at, sizeof(command->result) - at, "%s%s%s%#llx", at ? ", " : "", name,
		 *name ? " " : "", (unsigned long long)value);
}

static void set_call(struct payload_command *call, uint64_t op, const uint64_t *args, unsigned int count)
{
	memset(call, 0, sizeof(*call));
	call->op = op;
	memcpy(call->args, args, count * sizeof(*args));
}

#define CALL(call, op, ...)								\
	set_call(call, op, (const uint64_t[]){ __VA_ARGS__ },				\
		 sizeof((const uint64_t[]){ __VA_ARGS__ }) / sizeof(uint64_t))

static bool next_hello(struct realm *realm, struct command *command, const struct payload_report *report,
		       struct payload_command *call)
{
	(void)realm;
	if (!report) {
		CALL(call, PAYLOAD_OP_HELLO, 0);
		return true;
	}
	command->failed = report->values[0] != PAYLOAD_MAGIC;
	tell(command, "mpidr", report->values[1]);
	tell(command, "start value", report->values[3]);
	return false;
}

static bool next_read(struct realm *realm, struct command *command, const struct payload_report *report,
		      struct payload_command *call)
{
	(void)realm;
	if (!report) {
		CALL(call, PAYLOAD_OP_READ, command->args[0], command->num_args > 1 ? command->args[1] : 8);
		return true;
	}
	tell(command, "", report->values[0]);
	return false;
}

static bool next_write(struct realm *realm, struct command *command, const struct payload_report *report,
		       struct payload_command *call)
{
	(void)realm;
	if (report)
		return false;
	CALL(call, PAYLOAD_OP_WRITE, command->args[0], command->num_args > 2 ? command->args[2] : 8,
	     command->args[1]);
	return true;
}

/* One call of the payload with the arguments as they are; its first value is the result. */
static bool next_plain(struct realm *realm, struct command *command, const struct payload_report *report,
		       struct payload_command *call)
{
	(void)realm;
	if (!report) {
		set_call(call, command->verb->op, command->args, command->num_args);
		return true;
	}
	tell(command, "", report->values[0]);
	return false;
}

static bool next_call(struct realm *realm, struct command *command, const struct payload_report *report,
		      struct payload_command *call)
{
	static const char *const names[] = { "x0", "x1", "x2", "x3" };

	(void)realm;
	if (!report) {
		set_call(call, PAYLOAD_OP_SMC, command->args, command->num_args);
		return true;
	}
	for (unsigned int n = 0; n < 4; n++)
		tell(command, names[n], report->values[n]);
	return false;
}

static bool next_rim(struct realm *realm, struct command *command, const struct payload_report *report,
		     struct payload_command *call)
{
	const uint8_t *bytes;
	unsigned int size = realm->options->hash == RMI_HASH_ALGORITHM_SHA_512 ? RIM_BYTES : RIM_BYTES / 2;

	if (!report) {
		CALL(call, PAYLOAD_OP_SMC, FID_RSI_MEASUREMENT_READ, 0);
		return true;
	}
	command->failed = report->values[0] != RSI_SUCCESS;
	bytes = (const uint8_t *)&report->values[1];
	for (unsigned int n = 0; n < size; n++)
		snprintf(command->result + 2 * n, 3, "%02x", bytes[n]);
	return false;
}

/* The RMM may stop anywhere in the range: ask again from there. */
static bool next_ripas(struct realm *realm, struct command *command, const struct payload_report *report,
		       struct payload_command *call)
{
	uint64_t base = command->args[0], top = base + command->args[1];

	(void)realm;
	if (report) {
		if (report->values[0] != RSI_SUCCESS || report->values[2] != 0) {
			command->failed = !command->expect_exception;
			tell(command, "result", report->values[0]);
			tell(command, "response", report->values[2]);
			return false;
		}
		base = report->values[1];
		if (base >= top)
			return false;
	}
	CALL(call, PAYLOAD_OP_SMC, FID_RSI_IPA_STATE_SET, base, top, command->args[2], 0);
	return true;
}

static bool next_ripas_of(struct realm *realm, struct command *command, const struct payload_report *report,
			  struct payload_command *call)
{
	static const char *const names[] = { "EMPTY", "RAM", "DESTROYED", "DEV" };
	uint64_t ipa = command->args[0];

	(void)realm;
	if (!report) {
		CALL(call, PAYLOAD_OP_SMC, FID_RSI_IPA_STATE_GET, ipa, ipa + GRANULE_BYTES);
		return true;
	}
	command->failed = report->values[0] != RSI_SUCCESS;
	snprintf(command->result, sizeof(command->result), "%s", names[report->values[2] & 3]);
	return false;
}

static bool next_puts(struct realm *realm, struct command *command, const struct payload_report *report,
		      struct payload_command *call)
{
	size_t length = strlen(command->text);
	unsigned int at = command->step++;

	(void)report;
	if (at > length)
		return false;
	CALL(call, PAYLOAD_OP_WRITE, upper_half(realm) + UART_OFFSET + UART_DR, UART_CHARACTER_BYTES,
	     (uint64_t)(at < length ? command->text[at] : '\n'));
	return true;
}

static uint64_t mpidr_of(struct realm *realm, uint64_t index)
{
	return index < realm->options->recs ? realm->recs[index].mpidr : index;
}

static bool psci_result(struct command *command, const struct payload_report *report, bool none_negative)
{
	long long value = (int)report->values[0];

	command->failed = none_negative && value < 0;
	snprintf(command->result, sizeof(command->result), "%lld", value);
	return false;
}

static bool next_cpu_on(struct realm *realm, struct command *command, const struct payload_report *report,
			struct payload_command *call)
{
	uint64_t entry = command->num_args > 1 ? command->args[1] : realm->secondary_entry;

	if (report)
		return psci_result(command, report, true);
	if (!entry) {
		command->failed = true;
		snprintf(command->result, sizeof(command->result),
			 "no entry: give an address, or an ELF file as payload");
		return false;
	}
	CALL(call, PAYLOAD_OP_SMC, FID_PSCI_CPU_ON, mpidr_of(realm, command->args[0]), entry, command->args[0]);
	return true;
}

static bool next_affinity(struct realm *realm, struct command *command, const struct payload_report *report,
			  struct payload_command *call)
{
	if (report)
		return psci_result(command, report, true);
	CALL(call, PAYLOAD_OP_SMC, FID_PSCI_AFFINITY_INFO, mpidr_of(realm, command->args[0]), 0);
	return true;
}

/* PSCI calls that do not return. */
static bool next_leave(struct realm *realm, struct command *command, const struct payload_report *report,
		       struct payload_command *call)
{
	(void)realm;
	(void)report;
	CALL(call, PAYLOAD_OP_SMC, command->verb->op);
	return true;
}

static bool next_timer(struct realm *realm, struct command *command, const struct payload_report *report,
		       struct payload_command *call)
{
	uint64_t ticks = command->args[0];

	(void)realm;
	switch (command->step++) {
	case 0:
		CALL(call, PAYLOAD_OP_IRQ_SETUP, 0);
		return true;
	case 1:
		CALL(call, PAYLOAD_OP_TIMER, 0, ticks, 0);
		return true;
	case 2:
		CALL(call, PAYLOAD_OP_IRQ_WAIT, TIMER_WAITS * ticks, 0);
		return true;
	default:
		command->failed = report->values[0] == 0;
		snprintf(command->result, sizeof(command->result), "%llu taken, the last is %llu",
			 (unsigned long long)report->values[0], (unsigned long long)report->values[1]);
		return false;
	}
}

/* The host's own view of a shared page, without the realm. */
static bool next_host(struct realm *realm, struct command *command, const struct payload_report *report,
		      struct payload_command *call)
{
	uint64_t ipa = command->args[0], alias = upper_half(realm) + realm->ram;
	volatile uint64_t *word;
	uint64_t page;

	(void)report;
	(void)call;
	if (ipa % 8 || ipa - alias >= realm->ram_bytes) {
		command->failed = true;
		snprintf(command->result, sizeof(command->result), "not in shared memory");
		return false;
	}
	pthread_mutex_lock(&realm->memory);
	page = map_shared(realm, ipa & -GRANULE_BYTES);
	word = (uint64_t *)((char *)pool_pointer(realm, page) + ipa % GRANULE_BYTES);
	pthread_mutex_unlock(&realm->memory);
	if (command->num_args > 1)
		*word = command->args[1];
	tell(command, "", *word);
	return false;
}

static bool next_wait(struct realm *realm, struct command *command, const struct payload_report *report,
		      struct payload_command *call)
{
	(void)report;
	(void)call;
	/* The other RECs go on meanwhile. */
	pthread_mutex_unlock(&realm->lock);
	usleep(command->args[0] * 1000);
	pthread_mutex_lock(&realm->lock);
	return false;
}

/* A REC that was told to leave is off only when the RMM has returned from it. */
static bool next_wait_off(struct realm *realm, struct command *command, const struct payload_report *report,
			  struct payload_command *call)
{
	(void)report;
	(void)call;
	if (command->args[0] >= realm->options->recs) {
		command->failed = true;
		snprintf(command->result, sizeof(command->result), "there is no such REC");
		return false;
	}
	while (!realm->ended && realm->recs[command->args[0]].power != POWER_OFF)
		pthread_cond_wait(&realm->changed, &realm->lock);
	return false;
}

static const struct verb verbs[] = {
	{ .name = "hello", .usage = "", .next = next_hello },
	{ .name = "read", .usage = "IPA [BYTES]", .least = 1, .most = 2, .next = next_read },
	{ .name = "write", .usage = "IPA VALUE [BYTES]", .least = 2, .most = 3, .next = next_write },
	{ .name = "fill", .usage = "IPA SIZE VALUE", .least = 3, .most = 3, .next = next_plain, .op = PAYLOAD_OP_FILL },
	{ .name = "sum", .usage = "IPA SIZE", .least = 2, .most = 2, .next = next_plain, .op = PAYLOAD_OP_SUM },
	{ .name = "touch", .usage = "IPA COUNT STRIDE", .least = 3, .most = 3, .next = next_plain,
	  .op = PAYLOAD_OP_TOUCH },
	{ .name = "fetch", .usage = "IPA", .least = 1, .most = 1, .next = next_plain, .op = PAYLOAD_OP_FETCH },
	{ .name = "spin", .usage = "TICKS", .least = 1, .most = 1, .next = next_plain, .op = PAYLOAD_OP_SPIN },
	{ .name = "call", .usage = "X0 [X1...X7], an SMC of the realm", .least = 1, .most = 8, .next = next_call },
	{ .name = "rim", .usage = "", .next = next_rim },
	{ .name = "ripas", .usage = "IPA SIZE ram|empty", .least = 3, .most = 3, .next = next_ripas,
	  .ends_with_state = true },
	{ .name = "ripas-of", .usage = "IPA", .least = 1, .most = 1, .next = next_ripas_of },
	{ .name = "puts", .usage = "TEXT, to the UART", .most = 1, .next = next_puts, .is_text = true },
	{ .name = "host-read", .usage = "IPA in shared memory", .least = 1, .most = 1, .next = next_host },
	{ .name = "host-write", .usage = "IPA VALUE", .least = 2, .most = 2, .next = next_host },
	{ .name = "cpu-on", .usage = "REC [ENTRY]", .least = 1, .most = 2, .next = next_cpu_on },
	{ .name = "cpu-off", .usage = "", .next = next_leave, .op = FID_PSCI_CPU_OFF, .leaves = true },
	{ .name = "affinity", .usage = "REC", .least = 1, .most = 1, .next = next_affinity },
	{ .name = "timer", .usage = "TICKS", .least = 1, .most = 1, .next = next_timer },
	{ .name = "wait", .usage = "MILLISECONDS of the host", .least = 1, .most = 1, .next = next_wait },
	{ .name = "wait-off", .usage = "REC, until it is off", .least = 1, .most = 1, .next = next_wait_off },
	{ .name = "off", .usage = "", .next = next_leave, .op = FID_PSCI_SYSTEM_OFF, .leaves = true },
	{ .name = "reset", .usage = "", .next = next_leave, .op = FID_PSCI_SYSTEM_RESET, .leaves = true },
};

const struct verb *find_verb(const char *name)
{
	for (size_t n = 0; n < sizeof(verbs) / sizeof(verbs[0]); n++)
		if (!strcmp(verbs[n].name, name))
			return &verbs[n];
	return NULL;
}

void print_verbs(void)
{
	for (size_t n = 0; n < sizeof(verbs) / sizeof(verbs[0]); n++)
		printf("  %-10s %s\n", verbs[n].name, verbs[n].usage);
}
