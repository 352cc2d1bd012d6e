# SPDX-License-Identifier: MIT
# The kernel: build/debug/atomik.elf with, build/kernel/atomik.elf without debug information.
# It is linked twice, the second time with the symbol table that tools/ksyms takes from the first.

# Waiters live on kernel stacks and are linked into lists while their thread blocks: no dangling pointers.
KERNEL_CFLAGS := -Wno-dangling-pointer -std=gnu11 -ffreestanding -nostdinc \
	-isystem $(shell $(CROSS)gcc -print-file-name=include) -march=i686 -mgeneral-regs-only -fno-pic \
	-fno-stack-protector -fno-omit-frame-pointer -fno-asynchronous-unwind-tables -fno-tree-loop-distribute-patterns -O2 -g -Wall -Wextra \
	-Werror -I. -Iabi -MMD -MP
KERNEL_LDFLAGS := -nostdlib -static -no-pie -Wl,--build-id=none -Wl,-z,noexecstack -Wl,-z,max-page-size=4096
FLAG_VARS += KERNEL_CFLAGS KERNEL_LDFLAGS

KERNEL_SRCS := $(ARCH_SRCS) $(wildcard kernel/*.c kernel/selftest/*.c) loaders/plan.c \
	loaders/elf32/elf32.c loaders/pe/pe.c
KERNEL_OBJS := $(patsubst %,$(BUILD)/kernel/%.o,$(basename $(KERNEL_SRCS)))
KERNEL_LINK_SCRIPT := $(ARCH)/linker.ld
KERNEL_LINK = $(CROSS)gcc $(KERNEL_LDFLAGS) -T $(KERNEL_LINK_SCRIPT)

$(BUILD)/kernel/%.o: %.c $(FLAGS_STAMP)
	$(call say,CC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CROSS)gcc $(KERNEL_CFLAGS) -c -o $@ $<

$(BUILD)/kernel/%.o: %.S $(FLAGS_STAMP)
	$(call say,AS,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CROSS)gcc $(KERNEL_CFLAGS) -I$(BUILD)/kernel/$(ARCH) -c -o $@ $<

$(BUILD)/kernel/no-symbols.S: tools/ksyms
	$(Q)mkdir -p $(@D)
	$(Q)$(PYTHON) tools/ksyms --empty >$@

$(BUILD)/kernel/first.elf: $(KERNEL_OBJS) $(BUILD)/kernel/no-symbols.S $(KERNEL_LINK_SCRIPT)
	$(Q)$(KERNEL_LINK) -o $@ $(KERNEL_OBJS) $(BUILD)/kernel/no-symbols.S -lgcc

$(BUILD)/kernel/symbols.S: $(BUILD)/kernel/first.elf tools/ksyms
	$(Q)$(PYTHON) tools/ksyms --nm $(CROSS)nm $< >$@

$(BUILD)/debug/atomik.elf: $(KERNEL_OBJS) $(BUILD)/kernel/symbols.S $(KERNEL_LINK_SCRIPT)
	$(call say,LINK,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(KERNEL_LINK) -o $@ $(KERNEL_OBJS) $(BUILD)/kernel/symbols.S -lgcc

$(BUILD)/kernel/atomik.elf: $(BUILD)/debug/atomik.elf
	$(Q)$(CROSS)objcopy -g $< $@

ALL += $(BUILD)/kernel/atomik.elf
