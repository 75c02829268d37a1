# SPDX-License-Identifier: BSD-3-Clause
# Shared by the Makefiles of the in-tree images. The including Makefile sets
#   NAME     base name of the outputs
#   SRCS     its own sources, relative to its directory
#   COMMON   the sources of images/common that it wants, e.g. "uart.c print.c mem.c"
#   LDS      its linker script (run through the preprocessor)
#   SUFFIX   of the raw image: bin or img
# and is called with O=<output directory> ABI=<directory of cca_abi.h> CROSS_COMPILE=<prefix>;
# V=1 shows whole commands.

ifeq ($(O),)
$(error O=<output directory> is missing)
endif
ifeq ($(ABI),)
$(error ABI=<directory of cca_abi.h> is missing)
endif

CROSS_COMPILE ?= aarch64-linux-gnu-
CC := $(CROSS_COMPILE)gcc
OBJCOPY := $(CROSS_COMPILE)objcopy

IMAGES := $(abspath $(dir $(lastword $(MAKEFILE_LIST)))/..)
OBJ := $(O)/obj-$(NAME)

# -mstrict-align: code that runs with the MMU off sees Device memory.
# -mno-outline-atomics: the helpers would come from libgcc.
FLAGS := -g -O2 -march=armv8.4-a -mgeneral-regs-only -mstrict-align -mno-outline-atomics \
	-ffreestanding -nostdinc -isystem $(shell $(CC) -print-file-name=include) \
	-fno-pie -fno-pic -fno-stack-protector -fno-asynchronous-unwind-tables -fno-common \
	-ffunction-sections -fdata-sections \
	-ffile-prefix-map=$(IMAGES)=images -ffile-prefix-map=$(abspath $(ABI))=abi \
	-Wall -Wextra -Werror -I$(IMAGES)/common/include -I. -I$(ABI) $(EXTRA_FLAGS)
CFLAGS := -std=gnu11 $(FLAGS)
ASFLAGS := $(FLAGS)
LDFLAGS := -nostdlib -no-pie -static -Wl,--gc-sections -Wl,--build-id=none -Wl,-z,max-page-size=4096 \
	-Wl,--fatal-warnings -Wl,-z,noexecstack -Wl,--no-warn-rwx-segments

# $(call short,CC,main.c) stands before a command and prints a line in its place.
ifeq ($(V),1)
short =
else
short = @printf '  %-7s %s\n' $(1) $(2);
endif

tool = $(if $(filter %.S,$(1)),AS,CC)
compile = $(CC) $(if $(filter %.S,$<),$(ASFLAGS),$(CFLAGS)) -MMD -MP -c -o $@ $<

OBJS := $(patsubst %,$(OBJ)/%.o,$(SRCS)) $(patsubst %,$(OBJ)/common/%.o,$(COMMON))

all: $(O)/$(NAME).$(SUFFIX)

$(O)/$(NAME).$(SUFFIX): $(O)/$(NAME).elf
	$(call short,OBJCOPY,$(@F))$(OBJCOPY) -O binary $< $@

$(O)/$(NAME).elf: $(OBJS) $(OBJ)/image.lds
	$(call short,LD,$(@F))$(CC) $(LDFLAGS) -T $(OBJ)/image.lds -o $@ $(OBJS)

$(OBJ)/image.lds: $(LDS)
	@mkdir -p $(@D)
	$(call short,CPP,$<)$(CC) $(ASFLAGS) -MMD -MT $@ -MF $@.d -E -P -x assembler-with-cpp -o $@ $<

$(OBJ)/common/%.o: $(IMAGES)/common/%
	@mkdir -p $(@D)
	$(call short,$(call tool,$<),common/$*)$(compile)

$(OBJ)/%.o: %
	@mkdir -p $(@D)
	$(call short,$(call tool,$<),$<)$(compile)

clean:
	rm -rf $(OBJ) $(O)/$(NAME).elf $(O)/$(NAME).$(SUFFIX)

.PHONY: all clean
-include $(OBJS:.o=.d) $(OBJ)/image.lds.d
