# SPDX-License-Identifier: MIT
# lib/snapshot on the host, with sanitizers; and a fuzz target over files that may be anything.
UNIT_SNAPSHOT := $(BUILD)/unit/snapshot
SNAPSHOT_SRCS := $(wildcard lib/snapshot/*.c)
SNAPSHOT_HEADERS := $(wildcard lib/snapshot/*.h abi/snapshot/*) abi/atomik/types.h
UNIT_TARGETS += unit-snapshot

$(UNIT_SNAPSHOT): tests/unit/snapshot/test_snapshot.c $(SNAPSHOT_SRCS) $(SNAPSHOT_HEADERS) $(FLAGS_STAMP)
	@mkdir -p $(@D)
	$(call say,HOSTCC,$@)
	$(Q)$(HOSTCC) -std=gnu11 -O1 -g -Wall -Wextra -Werror -fsanitize=address,undefined -fno-sanitize-recover=undefined \
	    -Iabi -Ilib -o $@ $(filter %.c,$^) -lcmocka

.PHONY: unit-snapshot
unit-snapshot: $(UNIT_SNAPSHOT)
	$(Q)$(UNIT_SNAPSHOT)
