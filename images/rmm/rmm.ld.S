/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Fixed load address: the start of the Realm carve-out that EL3 gives the RMM.
 * Text, read-only and writable data are page aligned, for their own rights.
 * Everything read-only lies in the first 2 MiB block, which xlat.c maps by pages.
 * .noinit needs no clearing at boot: its owners initialise what they use.
 */
#define IMAGE_BASE 0x40100000
#define IMAGE_LIMIT 0x418ff000 /* the shared buffer of EL3 */

ENTRY(rmm_entry)

SECTIONS
{
	. = IMAGE_BASE;
	.text : {
		text_start = .;
		KEEP(*(.text.entry))
		*(.text .text.*)
		. = ALIGN(4096);
		text_end = .;
	}
	.rodata : {
		*(.rodata .rodata.*)
		. = ALIGN(4096);
		rodata_end = .;
	}
	.data : {
		*(.data .data.*)
		. = ALIGN(16);
	}
	.bss (NOLOAD) : {
		. = ALIGN(4096);
		bss_start = .;
		*(.bss .bss.*)
		. = ALIGN(64);
		bss_end = .;
	}
	.noinit (NOLOAD) : {
		*(.noinit .noinit.*)
	}
	image_end = .;
	/DISCARD/ : { *(.comment) *(.note*) *(.eh_frame*) }

	ASSERT(rodata_end <= 0x40200000, "text and rodata leave the block mapped by pages")
	ASSERT(image_end <= IMAGE_LIMIT, "the image leaves the carve-out")
}
