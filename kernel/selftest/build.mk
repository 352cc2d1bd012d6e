# SPDX-License-Identifier: MIT
# The program of the kernel's self-test, boot module 0 of a boot with `selftest` on the command line,
# with the ring-1 server that it starts inside it.
#   qemu-system-i386 -kernel build/kernel/atomik.elf -initrd build/boot/selftest -append selftest ...

SELFTEST_DIR := kernel/selftest/user
SELFTEST_LIB_SRCS := lib/atomik/syscall.c lib/libc/string.c lib/libc/format.c
SELFTEST_OBJS := $(call user_objects,native,$(wildcard $(SELFTEST_DIR)/*.c) \
	$(wildcard $(SELFTEST_DIR)/*.S) $(SELFTEST_LIB_SRCS))
SELFTEST_SERVER_OBJS := $(call user_objects,server,$(wildcard $(SELFTEST_DIR)/server/*.c) \
	$(wildcard $(SELFTEST_DIR)/server/*.S) lib/server/guest_copy.c lib/server/guest_copy_text.S \
	lib/server/guest_enter.S $(SELFTEST_LIB_SRCS))
SELFTEST_LINK := $(USER_CC) -static -nostdlib -no-pie -Wl,--build-id=none -Wl,-z,noexecstack \
	-Wl,-z,max-page-size=4096

$(BUILD)/kernel/selftest-server: $(SELFTEST_SERVER_OBJS) lib/server.ld
	$(Q)mkdir -p $(@D)
	$(Q)$(SELFTEST_LINK) -s -T lib/server.ld -o $@ $(SELFTEST_SERVER_OBJS) -lgcc

$(BUILD)/native/$(SELFTEST_DIR)/server_image.o: $(BUILD)/kernel/selftest-server
$(BUILD)/native/$(SELFTEST_DIR)/server_image.o: USER_CFLAGS += -DSELFTEST_SERVER='"$(BUILD)/kernel/selftest-server"'

$(BUILD)/boot/selftest: $(SELFTEST_OBJS) lib/native.ld
	$(call say,LINK,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(SELFTEST_LINK) -T lib/native.ld -o $@ $(SELFTEST_OBJS) -lgcc

ALL += $(BUILD)/boot/selftest
UNIT_TARGETS += kernel-selftest

SELFTEST_QEMU := timeout 180 qemu-system-i386 -display none -serial stdio -monitor none -no-reboot \
	-m 96 -device isa-debug-exit,iobase=0xf4,iosize=4
SELFTEST_LOG := $(BUILD)/kernel/selftest.log

# The sum is repeated in the words of the host's unit tests, so that tools/run-tests counts it.
.PHONY: kernel-selftest
kernel-selftest: $(BUILD)/kernel/atomik.elf $(BUILD)/boot/selftest ## the kernel's tests, under QEMU
	$(Q)$(SELFTEST_QEMU) -kernel $(BUILD)/kernel/atomik.elf -initrd $(BUILD)/boot/selftest \
		-append selftest </dev/null >$(SELFTEST_LOG) 2>&1 || echo "kernel-selftest: QEMU: exit $$?"
	$(Q)grep -a 'FAIL ' $(SELFTEST_LOG) || true
	$(Q)sed -n 's/^kernel self-test: \([0-9]*\) passed, \([0-9]*\) failed.*/[  PASSED  ] \1 tests\n[  FAILED  ] \2 tests/p' \
		$(SELFTEST_LOG)
	$(Q)grep -aq '^kernel self-test: [1-9][0-9]* passed, 0 failed' $(SELFTEST_LOG) || \
		{ tail -n 30 $(SELFTEST_LOG); exit 1; }
