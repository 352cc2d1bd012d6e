# SPDX-License-Identifier: MIT
# The i386 part of the kernel, and offsets.h: structure offsets for its assembly, taken from the
# assembly that the compiler makes of offsets.c.

ARCH := arch/i386
ARCH_SRCS := $(filter-out $(ARCH)/offsets.c,$(wildcard $(ARCH)/*.c)) $(wildcard $(ARCH)/*.S)
ARCH_OFFSETS := $(BUILD)/kernel/$(ARCH)/offsets.h

$(ARCH_OFFSETS): $(ARCH)/offsets.c $(FLAGS_STAMP)
	$(call say,GEN,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CROSS)gcc $(KERNEL_CFLAGS) -MT $@ -MF $@.d -S -o $@.s $<
	$(Q)sed -n 's/^->\([A-Z0-9_]*\) \$$/#define \1 /p' $@.s >$@

$(BUILD)/kernel/$(ARCH)/entry.o: $(ARCH_OFFSETS)
