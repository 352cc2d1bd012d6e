# SPDX-License-Identifier: MIT
# The partition tables on the host, as sfdisk writes them; and fuzzed.
UNIT_BLOCK := $(BUILD)/unit/block
PARTITION_SRCS := lib/block/partition.c
UNIT_TARGETS += unit-block

$(UNIT_BLOCK): tests/unit/block/test_partition.c $(PARTITION_SRCS) lib/block/partition.h $(FLAGS_STAMP)
	@mkdir -p $(@D)
	$(call say,HOSTCC,$@)
	$(Q)$(HOSTCC) -std=gnu11 -O1 -g -Wall -Wextra -Werror -fsanitize=address,undefined -fno-sanitize-recover=undefined \
	    -I. -Iabi -Ilib -o $@ $(filter %.c,$^) -lcmocka

.PHONY: unit-block fuzz-partition
unit-block: $(UNIT_BLOCK)
	$(Q)$(UNIT_BLOCK)

$(BUILD)/fuzz/fuzz_partition: tests/fuzz/fuzz_partition.c $(PARTITION_SRCS) lib/block/partition.h
	@mkdir -p $(@D)
	$(call say,CLANG,$@)
	$(Q)$(CLANG) -std=gnu11 -g -O1 -Wall -Wextra -Werror -I. -Iabi -Ilib \
	    -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all -o $@ $(filter %.c,$^)

fuzz: fuzz-partition
fuzz-partition: $(BUILD)/fuzz/fuzz_partition
	$(Q)mkdir -p $(BUILD)/fuzz/corpus/partition $(BUILD)/fuzz/seeds/partition
	$(Q)for label in dos gpt; do rm -f $(BUILD)/fuzz/seeds/partition/$$label; truncate -s 65536 $(BUILD)/fuzz/seeds/partition/$$label; \
	    printf 'label: %s\n40,20\n' $$label | /sbin/sfdisk -q $(BUILD)/fuzz/seeds/partition/$$label; done
	$(Q)$(BUILD)/fuzz/fuzz_partition -max_len=65536 -max_total_time=$(FUZZ_SECONDS) -artifact_prefix=$(BUILD)/fuzz/ \
	    $(BUILD)/fuzz/corpus/partition $(BUILD)/fuzz/seeds/partition >$(BUILD)/fuzz/partition.log 2>&1 || \
	    { tail -50 $(BUILD)/fuzz/partition.log; exit 1; }
