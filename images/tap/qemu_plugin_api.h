/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The part of QEMU's plugin interface that the tap uses. Distributions do not package
 * the interface as a header, so it is declared here.
 *
 * Invariants:
 * - Two interfaces are spoken: 4, which QEMU 10 has and later ones up to 6 keep, and 7 of
 *   QEMU 11.1, which accepts no older one. From 5 on register descriptors have another
 *   stride; from 7 on callbacks get the user data in place of the plugin's id.
 * - A callback is registered with the type that the running interface calls it with.
 * - Registers may be read in a callback only that was registered with TAP_CB_R_REGS.
 */
#ifndef QEMU_PLUGIN_API_H
#define QEMU_PLUGIN_API_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PLUGIN_API_IDS 4
#define PLUGIN_API_USERDATA 7

typedef uint64_t qemu_plugin_id_t;

struct qemu_plugin_tb;
struct qemu_plugin_insn;
struct qemu_plugin_register;
struct qemu_plugin_scoreboard;

typedef struct {
	struct qemu_plugin_scoreboard *score;
	size_t offset;
} qemu_plugin_u64;

typedef struct qemu_info_t {
	const char *target_name;
	struct {
		int min;
		int cur;
	} version;
	bool system_emulation;
	struct {
		int smp_vcpus;
		int max_vcpus;
	} system;
} qemu_info_t;

enum qemu_plugin_cb_flags {
	TAP_CB_NO_REGS,
	TAP_CB_R_REGS,
	TAP_CB_RW_REGS,
};

enum qemu_plugin_op {
	TAP_INLINE_ADD_U64,
	TAP_INLINE_STORE_U64,
};

/* GLib's, which QEMU itself links: only their public parts. */
typedef struct {
	char *data;
	unsigned int len;
} GArray;

typedef struct {
	uint8_t *data;
	unsigned int len;
} GByteArray;

GByteArray *g_byte_array_new(void);
GByteArray *g_byte_array_set_size(GByteArray *array, unsigned int length);

typedef void (*qemu_plugin_insn_cb)(unsigned int vcpu, void *userdata);

/* Stands for a callback of either interface; the first two of interface 4 ignore userdata. */
typedef void (*qemu_plugin_any_cb)(void);

void qemu_plugin_register_vcpu_init_cb(qemu_plugin_id_t id, qemu_plugin_any_cb cb, void *userdata);
void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t id, qemu_plugin_any_cb cb,
					   void *userdata);
void qemu_plugin_register_atexit_cb(qemu_plugin_id_t id, qemu_plugin_any_cb cb, void *userdata);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *insn, qemu_plugin_insn_cb cb,
					    enum qemu_plugin_cb_flags flags, void *userdata);
void qemu_plugin_register_vcpu_tb_exec_inline_per_vcpu(struct qemu_plugin_tb *tb,
						       enum qemu_plugin_op op,
						       qemu_plugin_u64 entry, uint64_t value);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t index);
size_t qemu_plugin_insn_data(const struct qemu_plugin_insn *insn, void *into, size_t size);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *insn);
void *qemu_plugin_insn_haddr(const struct qemu_plugin_insn *insn);
GArray *qemu_plugin_get_registers(void);
/* Returns an int or a bool, depending on the version: the buffer's length is what counts. */
int qemu_plugin_read_register(struct qemu_plugin_register *handle, GByteArray *buffer);
struct qemu_plugin_scoreboard *qemu_plugin_scoreboard_new(size_t element_size);
uint64_t qemu_plugin_u64_get(qemu_plugin_u64 entry, unsigned int vcpu);

#endif
