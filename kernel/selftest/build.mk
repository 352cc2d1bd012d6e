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
