# SPDX-License-Identifier: MIT
NATIVE_SRCS := $(wildcard personalities/native/*.c personalities/native/snapshot/*.c)
$(call native-program,native,$(NATIVE_SRCS))
$(call native-program,hello-native,personalities/native/programs/hello-native.c)
$(call native-program,atop,personalities/native/programs/atop.c)
$(call native-program,atrace,personalities/native/programs/atrace.c)

# Zstandard, for compressed snapshots: Debian's source, built for Atomik's library and for the host.
ZSTD := $(BUILD)/packages/libzstd/zstd-1.5.4/lib
ZSTD_FLAGS := -O2 -w -DZSTD_LEGACY_SUPPORT=0 -DZSTD_DISABLE_ASM
$(BUILD)/zstd/native.a: ZSTD_COMPILER = $(USER_CC) $(filter-out -MMD -MP -W%,$(USER_CFLAGS))
$(BUILD)/zstd/host.a: ZSTD_COMPILER = $(HOSTCC)
$(BUILD)/zstd/%.a: $(BUILD)/packages/libzstd.stamp personalities/native/build.mk
	@mkdir -p $(@D)/$*
	$(call say,CC,$@)
	$(Q)for source in $(addprefix $(ZSTD)/,common/*.c compress/*.c decompress/*.c); do \
	    case $$source in */pool.c|*/threading.c|*/zstdmt_compress.c) continue;; esac; \
	    $(ZSTD_COMPILER) $(ZSTD_FLAGS) -c -o $(@D)/$*/$$(basename $$source .c).o $$source; done
	$(Q)rm -f $@ && $(USER_AR) rcs $@ $(@D)/$*/*.o

# snap, for Atomik and (all but save and restore) for the host.
SNAP_DIR := personalities/native/programs/snap
SNAP_SRCS := $(filter-out %/files_host.c,$(wildcard $(SNAP_DIR)/*.c))
SNAP_HOST_SRCS := $(filter-out %/files_native.c %/live.c %/live_record.c,$(wildcard $(SNAP_DIR)/*.c)) $(wildcard lib/snapshot/*.c)
$(call native-program,snap,$(SNAP_SRCS),$(BUILD)/zstd/native.a)
$(call user_objects,native,$(SNAP_DIR)/pack.c): USER_CFLAGS += -isystem $(ZSTD)
$(call user_objects,native,$(SNAP_DIR)/pack.c): $(BUILD)/packages/libzstd.stamp
ALL += $(BUILD)/host/snap
$(BUILD)/host/snap: $(SNAP_HOST_SRCS) $(wildcard $(SNAP_DIR)/*.h lib/snapshot/*.h abi/snapshot/*) $(BUILD)/zstd/host.a $(FLAGS_STAMP)
	@mkdir -p $(@D)
	$(call say,HOSTCC,$@)
	$(Q)$(HOSTCC) -std=gnu11 -O2 -g -Wall -Wextra -Werror -Iabi -Ilib -isystem $(ZSTD) -o $@ $(filter %.c %.a,$^)

MANIFEST_UNIX += personalities/native/unix.manifest
