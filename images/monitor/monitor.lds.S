/* SPDX-License-Identifier: BSD-3-Clause */
#include "layout.h"

OUTPUT_FORMAT("elf64-littleaarch64")
ENTRY(_start)

SECTIONS
{
	. = MONITOR_BASE;
	.text : { KEEP(*(.text.start)) *(.text .text.*) }
	.rodata : ALIGN(4096) { *(.rodata .rodata.*) *(.got .got.*) }
	.data : ALIGN(8) { *(.data .data.*) }
	. = ALIGN(4096);
	.bss (NOLOAD) : {
		bss_start = .;
		*(.bss.mailboxes)
		*(.bss .bss.*)
		. = ALIGN(16);
		bss_end = .;
	}
	ASSERT(. <= MONITOR_LIMIT, "the monitor is too large")
	/DISCARD/ : { *(.comment .note .note.* .eh_frame .eh_frame_hdr) }
}
