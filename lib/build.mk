# SPDX-License-Identifier: MIT
# The library of native programs and servers, built twice from the same sources:
#   build/lib/libatomik.a         ring 3: native programs and services
#   build/lib/libatomik-server.a  ring 1: personality servers; no FPU, MMX or SSE code
# and the two functions that link programs with it:
#   $(call native-program,NAME,SOURCES[,ARCHIVES])
#                                         -> build/bin/NAME (symbols kept), build/debug/NAME (with debug information)
#   $(call server-program,NAME,SOURCES)   the same for a ring-1 personality server
# Both add the program to ALL.

BUILD ?= build
CROSS ?= i686-linux-gnu-
Q ?= @
USER_CC := $(CROSS)gcc
USER_AR := $(CROSS)ar
USER_OBJCOPY := $(CROSS)objcopy

USER_CFLAGS := -std=gnu11 -ffreestanding -nostdinc -isystem $(shell $(USER_CC) -print-file-name=include) \
	-fno-pic -fno-stack-protector -fno-omit-frame-pointer -fno-asynchronous-unwind-tables \
	-O2 -g -Wall -Wextra -Werror -march=i686 -Iabi -Ilib -Ilib/libc -I. -MMD -MP
SERVER_CFLAGS := $(USER_CFLAGS) -mgeneral-regs-only

LIB_SRCS := $(wildcard lib/atomik/*.c lib/libc/*.c lib/ipc/*.c lib/pci/*.c lib/service/*.c lib/archive/*.c lib/ata/*.c lib/block/*.c lib/capture/*.c lib/dma/*.c lib/fs/*.c lib/program/*.c lib/snapshot/*.c lib/virtio/*.c)
LIB_CRT0 := lib/atomik/crt0.S
LIB_SERVER_SRCS := $(LIB_SRCS) $(wildcard lib/server/*.c lib/server/*.S)

user_objects = $(patsubst %.S,$(BUILD)/$(1)/%.o,$(patsubst %.c,$(BUILD)/$(1)/%.o,$(2)))

$(BUILD)/native/%.o: %.c
	@mkdir -p $(@D)
	$(call say,CC,$@)
	$(Q)$(USER_CC) $(USER_CFLAGS) -c -o $@ $<

$(BUILD)/native/%.o: %.S
	@mkdir -p $(@D)
	$(call say,CC,$@)
	$(Q)$(USER_CC) $(USER_CFLAGS) -c -o $@ $<

$(BUILD)/server/%.o: %.c
	@mkdir -p $(@D)
	$(call say,CC,$@)
	$(Q)$(USER_CC) $(SERVER_CFLAGS) -c -o $@ $<

$(BUILD)/server/%.o: %.S
	@mkdir -p $(@D)
	$(call say,CC,$@)
	$(Q)$(USER_CC) $(SERVER_CFLAGS) -c -o $@ $<

# gcc must not turn the loops of memcpy and memset into calls of themselves.
$(BUILD)/native/lib/libc/string.o: USER_CFLAGS += -fno-tree-loop-distribute-patterns
$(BUILD)/server/lib/libc/string.o: SERVER_CFLAGS += -fno-tree-loop-distribute-patterns

$(BUILD)/lib/libatomik.a: $(call user_objects,native,$(LIB_SRCS))
	@mkdir -p $(@D)
	$(call say,AR,$@)
	$(Q)rm -f $@ && $(USER_AR) rcs $@ $^

$(BUILD)/lib/libatomik-server.a: $(call user_objects,server,$(LIB_SERVER_SRCS))
	@mkdir -p $(@D)
	$(call say,AR,$@)
	$(Q)rm -f $@ && $(USER_AR) rcs $@ $^

# user_program_rules NAME SOURCES FLAVOUR ARCHIVE LINKER-SCRIPT FURTHER-ARCHIVES
define user_program_rules
ALL += $(BUILD)/bin/$(1)
$(BUILD)/debug/$(1): $(call user_objects,$(3),$(LIB_CRT0) $(2)) $(4) $(5) $(6)
	@mkdir -p $$(@D)
	$$(call say,LD,$$@)
	$$(Q)$(USER_CC) -static -nostdlib -no-pie -Wl,--build-id=none -Wl,-z,noexecstack -Wl,-z,max-page-size=4096 \
		-T $(5) -o $$@ $(call user_objects,$(3),$(LIB_CRT0) $(2)) $(6) $(4) -lgcc
$(BUILD)/bin/$(1): $(BUILD)/debug/$(1)
	@mkdir -p $$(@D)
	$$(Q)$(USER_OBJCOPY) -g $$< $$@
-include $(patsubst %.o,%.d,$(call user_objects,$(3),$(2)))
endef

native-program = $(eval $(call user_program_rules,$(1),$(2),native,$(BUILD)/lib/libatomik.a,lib/native.ld,$(3)))
server-program = $(eval $(call user_program_rules,$(1),$(2),server,$(BUILD)/lib/libatomik-server.a,lib/server.ld))

-include $(patsubst %.o,%.d,$(call user_objects,native,$(LIB_SRCS)) $(call user_objects,server,$(LIB_SERVER_SRCS)))
