/* SPDX-License-Identifier: BSD-3-Clause */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "image.h"
#include "say.h"

struct file file_open(const char *path)
{
	struct file file = { .path = path };
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat status;

	if (fd < 0 || fstat(fd, &status))
		die(EXIT_NO_IMAGE, "cannot read %s: %s", path, strerror(errno));
	file.bytes = status.st_size;
	if (!file.bytes)
		die(EXIT_NO_IMAGE, "%s is empty", path);
	file.data = mmap(NULL, file.bytes, PROT_READ, MAP_PRIVATE, fd, 0);
	if (file.data == MAP_FAILED)
		die(EXIT_NO_IMAGE, "cannot read %s: %s", path, strerror(errno));
	close(fd);
	return file;
}

void file_close(struct file *file)
{
	munmap((void *)file->data, file->bytes);
}

static const void *part(const struct file *file, uint64_t offset, uint64_t bytes)
{
	if (offset > file->bytes || bytes > file->bytes - offset)
		die(EXIT_NO_IMAGE, "%s is cut off", file->path);
	return file->data + offset;
}

static void require_room(const struct realm *realm, const char *path, uint64_t at, uint64_t bytes)
{
	if (at % GRANULE_BYTES || at < realm->ram || bytes > realm->ram_bytes ||
	    at - realm->ram > realm->ram_bytes - bytes)
		die(EXIT_NO_IMAGE, "%s: %llu bytes at %#llx are not within %llu bytes of RAM at %#llx", path,
		    (unsigned long long)bytes, (unsigned long long)at, (unsigned long long)realm->ram_bytes,
		    (unsigned long long)realm->ram);
}

static uint64_t find_symbol(const struct file *file, const Elf64_Ehdr *head, const char *name)
{
	const Elf64_Shdr *sections = part(file, head->e_shoff, head->e_shnum * sizeof(Elf64_Shdr));

	for (unsigned int n = 0; n < head->e_shnum; n++) {
		const Elf64_Sym *symbols;
		const Elf64_Shdr *names;

		if (sections[n].sh_type != SHT_SYMTAB || sections[n].sh_link >= head->e_shnum)
			continue;
		symbols = part(file, sections[n].sh_offset, sections[n].sh_size);
		names = &sections[sections[n].sh_link];
		for (uint64_t m = 0; m < sections[n].sh_size / sizeof(*symbols); m++) {
			uint64_t at = names->sh_offset + symbols[m].st_name;

			if (!strncmp(part(file, at, strlen(name) + 1), name, strlen(name) + 1))
				return symbols[m].st_value;
		}
	}
	return 0;
}

static void load_elf(struct realm *realm, const struct file *file)
{
	const Elf64_Ehdr *head = part(file, 0, sizeof(*head));
	const Elf64_Phdr *parts;

	if (head->e_ident[EI_CLASS] != ELFCLASS64 || head->e_machine != EM_AARCH64)
		die(EXIT_NO_IMAGE, "%s is not an ELF file for AArch64", file->path);
	parts = part(file, head->e_phoff, head->e_phnum * sizeof(*parts));
	for (unsigned int n = 0; n < head->e_phnum; n++) {
		if (parts[n].p_type != PT_LOAD || !parts[n].p_filesz)
			continue;
		require_room(realm, file->path, parts[n].p_paddr, parts[n].p_memsz);
		realm_load(realm, parts[n].p_paddr, part(file, parts[n].p_offset, parts[n].p_filesz),
			   parts[n].p_filesz);
	}
	realm->entry = head->e_entry;
	realm->secondary_entry = find_symbol(file, head, "secondary_entry");
}

void image_load(struct realm *realm, const char *path)
{
	struct file file = file_open(path);

	realm->entry_x0 = realm->options->ipa_bits;
	if (file.bytes > SELFMAG && !memcmp(file.data, ELFMAG, SELFMAG)) {
		load_elf(realm, &file);
	} else {
		require_room(realm, path, PAYLOAD_BASE, file.bytes);
		realm_load(realm, PAYLOAD_BASE, file.data, file.bytes);
		realm->entry = PAYLOAD_BASE;
	}
	file_close(&file);
}
