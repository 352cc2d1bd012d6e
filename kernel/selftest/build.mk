# SPDX-License-Identifier: MIT
# The program of the kernel's self-test, boot module 0 of a boot with `selftest` on the command line:
#   qemu-system-i386 -kernel build/kernel/atomik.elf -initrd build/boot/selftest -append selftest ...

SELFTEST_SRCS := $(wildcard kernel/selftest/user/*.c) kernel/selftest/user/crt.S
SELFTEST_LIB_SRCS := lib/atomik/syscall.c lib/libc/string.c lib/libc/format.c
SELFTEST_OBJS := $(call user_objects,native,$(SELFTEST_SRCS) $(SELFTEST_LIB_SRCS))

$(BUILD)/boot/selftest: $(SELFTEST_OBJS) lib/native.ld
	$(call say,LINK,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(USER_CC) -static -nostdlib -no-pie -Wl,--build-id=none -Wl,-z,noexecstack \
		-Wl,-z,max-page-size=4096 -T lib/native.ld -o $@ $(SELFTEST_OBJS) -lgcc

ALL += $(BUILD)/boot/selftest
