# SPDX-License-Identifier: MIT
NATIVE_SRCS := $(wildcard personalities/native/*.c)
$(call native-program,native,$(NATIVE_SRCS))
$(call native-program,hello-native,personalities/native/programs/hello-native.c)
$(call native-program,atop,personalities/native/programs/atop.c)
$(call native-program,atrace,personalities/native/programs/atrace.c)

# snap, for Atomik and (all but save and restore) for the host.
SNAP_DIR := personalities/native/programs/snap
SNAP_SRCS := $(filter-out %/files_host.c,$(wildcard $(SNAP_DIR)/*.c))
SNAP_HOST_SRCS := $(filter-out %/files_native.c %/live.c %/live_record.c,$(wildcard $(SNAP_DIR)/*.c)) $(wildcard lib/snapshot/*.c)
$(call native-program,snap,$(SNAP_SRCS))
ALL += $(BUILD)/host/snap
$(BUILD)/host/snap: $(SNAP_HOST_SRCS) $(wildcard $(SNAP_DIR)/*.h lib/snapshot/*.h abi/snapshot/*) $(FLAGS_STAMP)
	@mkdir -p $(@D)
	$(call say,HOSTCC,$@)
	$(Q)$(HOSTCC) -std=gnu11 -O2 -g -Wall -Wextra -Werror -Iabi -Ilib -o $@ $(filter %.c,$^)

MANIFEST_UNIX += personalities/native/unix.manifest
