/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "options.h"
#include "say.h"
#include "script.h"

#define PAYLOAD_MEM_BYTES (16ULL << 20)
#define MOST_PAYLOAD_MEM_BYTES (128ULL << 20)	/* the UART lies above */
#define KERNEL_MEM_BYTES (256ULL << 20)
#define MOST_MEM_BYTES (2048ULL << 20)
#define LEAST_IPA_BITS 32
#define MOST_IPA_BITS 48

static const char usage[] =
	"usage: realm-run [OPTION...]\n"
	"Run the realm payload in a realm, on /dev/rmi.\n"
	"\n"
	"  --recs N            RECs, 1 to 16 (1)\n"
	"  --mem SIZE          RAM, with K, M (16M; with --kernel 256M)\n"
	"  --ipa-bits N        width of the IPA space, 32 to 48 (40); the upper half is unprotected\n"
	"  --hash ALGORITHM    sha256 or sha512\n"
	"  --rpv HEX           personalisation value, up to 64 bytes\n"
	"  --payload FILE      ELF file, or raw image for IPA 0x10000 (/usr/share/cca/payload.elf)\n"
	"  --kernel FILE       run this arm64 Image of Linux in place of the payload\n"
	"  --initrd FILE       its initial RAM disk\n"
	"  --append TEXT       its command line (console=ttyAMA0)\n"
	"  --do SCRIPT         commands for the payload, separated by ';' (a demonstration)\n"
	"  --populate          give the realm all its memory before it runs\n"
	"  --reject-ripas      reject the realm's RIPAS changes\n"
	"  --trap-wfi          WFI leaves the realm\n"
	"  --timeout SECONDS   give up after that time (none)\n"
	"  --pause             wait for a line on standard input after each stage of creation\n"
	"  --trace             tell every event\n"
	"\n"
	"A command is [REC:] [!] NAME ARGUMENT...; ! means that it must take an exception. An address is a number,\n"
	"or ram, shared (the host's memory), uart, each with +NUMBER. Commands:\n";

static void help(void)
{
	fputs(usage, stdout);
	print_verbs();
	fputs("\nExit status: 0 switched off, 3 a command failed, 4 reset, 5 an exit that cannot be served, 6 timeout,\n"
	      "64 wrong usage, 66 no payload, 69 no /dev/rmi, 71 no memory, 76 a call was refused.\n",
	      stdout);
	exit(0);
}

static uint64_t parse_number(const char *name, const char *text, uint64_t least, uint64_t most)
{
	unsigned long long value;
	char *end;

	errno = 0;
	value = strtoull(text, &end, 0);
	if (*end == 'K' || *end == 'M')
		value <<= *end++ == 'K' ? 10 : 20;
	if (*end || end == text || errno || text[0] == '-' || value < least || value > most)
		die(EXIT_USAGE, "--%s %s: wanted a number from %llu to %llu", name, text, (unsigned long long)least,
		    (unsigned long long)most);
	return value;
}

static void parse_rpv(struct options *options, const char *text)
{
	size_t length = strlen(text);

	if (length % 2 || length > 2 * sizeof(options->rpv) || strspn(text, "0123456789abcdefABCDEF") != length)
		die(EXIT_USAGE, "--rpv %s: wanted up to 64 bytes as pairs of hexadecimal digits", text);
	for (size_t n = 0; n < length / 2; n++)
		sscanf(text + 2 * n, "%2hhx", &options->rpv[n]);
}

static void parse_hash(struct options *options, const char *text)
{
	if (!strcmp(text, "sha256"))
		options->hash = RMI_HASH_ALGORITHM_SHA_256;
	else if (!strcmp(text, "sha512"))
		options->hash = RMI_HASH_ALGORITHM_SHA_512;
	else
		die(EXIT_USAGE, "--hash %s: wanted sha256 or sha512", text);
}

enum { RECS = 1, MEM, IPA_BITS, HASH, RPV, PAYLOAD, KERNEL, INITRD, APPEND, DO, POPULATE, REJECT_RIPAS, TRAP_WFI, TIMEOUT, PAUSE, TRACE, HELP };

static const struct option known[] = {
	{ "recs", required_argument, NULL, RECS },
	{ "mem", required_argument, NULL, MEM },
	{ "ipa-bits", required_argument, NULL, IPA_BITS },
	{ "hash", required_argument, NULL, HASH },
	{ "rpv", required_argument, NULL, RPV },
	{ "payload", required_argument, NULL, PAYLOAD },
	{ "kernel", required_argument, NULL, KERNEL },
	{ "initrd", required_argument, NULL, INITRD },
	{ "append", required_argument, NULL, APPEND },
	{ "do", required_argument, NULL, DO },
	{ "populate", no_argument, NULL, POPULATE },
	{ "reject-ripas", no_argument, NULL, REJECT_RIPAS },
	{ "trap-wfi", no_argument, NULL, TRAP_WFI },
	{ "timeout", required_argument, NULL, TIMEOUT },
	{ "pause", no_argument, NULL, PAUSE },
	{ "trace", no_argument, NULL, TRACE },
	{ "help", no_argument, NULL, HELP },
	{ NULL, 0, NULL, 0 },
};

static void take(struct options *options, int option)
{
	switch (option) {
	case RECS:
		options->recs = parse_number("recs", optarg, 1, MAX_RECS);
		break;
	case MEM:
		options->mem_bytes = parse_number("mem", optarg, 1 << 20, MOST_MEM_BYTES) & -GRANULE_BYTES;
		break;
	case IPA_BITS:
		options->ipa_bits = parse_number("ipa-bits", optarg, LEAST_IPA_BITS, MOST_IPA_BITS);
		break;
	case HASH:
		parse_hash(options, optarg);
		break;
	case RPV:
		parse_rpv(options, optarg);
		break;
	case PAYLOAD:
		options->payload = optarg;
		break;
	case KERNEL:
		options->kernel = optarg;
		break;
	case INITRD:
		options->initrd = optarg;
		break;
	case APPEND:
		options->append = optarg;
		break;
	case DO:
		options->script = optarg;
		break;
	case POPULATE:
		options->populate = true;
		break;
	case REJECT_RIPAS:
		options->reject_ripas = true;
		break;
	case TRAP_WFI:
		options->trap_wfi = true;
		break;
	case TIMEOUT:
		options->timeout_s = parse_number("timeout", optarg, 1, 86400);
		break;
	case PAUSE:
		say_pause = true;
		break;
	case TRACE:
		say_trace = true;
		break;
	case HELP:
		help();
		break;
	default:
		exit(EXIT_USAGE); /* getopt has said what is wrong */
	}
}

void options_parse(struct options *options, int argc, char **argv)
{
	int option;

	*options = (struct options){
		.recs = 1,
		.ipa_bits = 40,
		.append = "console=ttyAMA0",
		.payload = "/usr/share/cca/payload.elf",
	};
	while ((option = getopt_long(argc, argv, "", known, NULL)) != -1)
		take(options, option);
	if (!options->mem_bytes)
		options->mem_bytes = options->kernel ? KERNEL_MEM_BYTES : PAYLOAD_MEM_BYTES;
	if (!options->kernel && options->mem_bytes > MOST_PAYLOAD_MEM_BYTES)
		die(EXIT_USAGE, "--mem: the payload can have %llu bytes at most", MOST_PAYLOAD_MEM_BYTES);
	if (options->kernel && options->script)
		die(EXIT_USAGE, "--do is for the payload, --kernel runs Linux");
	if (optind < argc)
		die(EXIT_USAGE, "%s: not an option; --help lists them", argv[optind]);
}
