/* SPDX-License-Identifier: BSD-3-Clause */
#include <cca_abi.h>

OUTPUT_FORMAT("elf64-littleaarch64")
ENTRY(_start)

SECTIONS
{
	. = PAYLOAD_BASE;
	payload_start = .;
	/* What stands before the 2 KiB aligned vectors fills the gap there. */
	.text : {
		KEEP(*(.text.start))
		*(.text.smc .text.execute .text.unwind .text.fp .text.op_*)
		*(.text .text.*)
	}
	.rodata : ALIGN(8) { *(.rodata .rodata.*) *(.got .got.*) }
	.data : ALIGN(8) { *(.data .data.*) }
	. = ALIGN(4096);
	payload_image_end = .;
	.bss (NOLOAD) : {
		*(.bss .bss.*)
		. = ALIGN(4096);
	}
	payload_end = .;
	/DISCARD/ : { *(.comment .note .note.* .eh_frame .eh_frame_hdr) }
}
