# SPDX-License-Identifier: MIT
# Kernel memory on the host, on a pretend machine and with sanitizers.
UNIT_KERNEL := $(BUILD)/unit/kernel-memory
UNIT_KERNEL_SRCS := $(wildcard tests/unit/kernel/*.c) kernel/frame.c kernel/heap.c kernel/pagemap.c \
	kernel/vmo.c kernel/space.c kernel/space_map.c kernel/space_fault.c kernel/object.c kernel/pager.c
UNIT_TARGETS += unit-kernel-memory

$(UNIT_KERNEL): $(UNIT_KERNEL_SRCS) $(wildcard tests/unit/kernel/*.h kernel/*.h) $(FLAGS_STAMP)
	$(call say,HOSTCC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(HOSTCC) -std=gnu11 -O1 -g -Wall -Wextra -Werror -fsanitize=address,undefined \
	    -fno-sanitize-recover=undefined -I. -Iabi -o $@ $(UNIT_KERNEL_SRCS) -lcmocka

.PHONY: unit-kernel-memory
unit-kernel-memory: $(UNIT_KERNEL)
	$(Q)$(UNIT_KERNEL)
