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

.PHONY: fuzz-snapshot
$(BUILD)/fuzz/fuzz_snapshot: tests/fuzz/fuzz_snapshot.c $(SNAPSHOT_SRCS) $(SNAPSHOT_HEADERS)
	@mkdir -p $(@D)
	$(call say,CLANG,$@)
	$(Q)$(CLANG) -std=gnu11 -g -O1 -Wall -Wextra -Werror -I. -Iabi -Ilib \
	    -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all -o $@ $(filter %.c,$^)

fuzz: fuzz-snapshot
fuzz-snapshot: $(BUILD)/fuzz/fuzz_snapshot
	$(Q)mkdir -p $(BUILD)/fuzz/corpus/snapshot
	$(Q)$(BUILD)/fuzz/fuzz_snapshot -max_len=60000 -timeout=10 -max_total_time=$(FUZZ_SECONDS) -artifact_prefix=$(BUILD)/fuzz/ \
	    $(BUILD)/fuzz/corpus/snapshot >$(BUILD)/fuzz/snapshot.log 2>&1 || { tail -50 $(BUILD)/fuzz/snapshot.log; exit 1; }
	$(Q)printf 'snapshot: '; grep -a "DONE" $(BUILD)/fuzz/snapshot.log
