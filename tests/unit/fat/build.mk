# SPDX-License-Identifier: MIT
# The FAT code on the host, on volumes of mkfs.vfat, checked by fsck.fat; and fuzzed.
UNIT_FAT := $(BUILD)/unit/fat
FAT_HEADERS := $(wildcard servers/fatfs/*.h tests/unit/fat/*.h) abi/atomik/types.h
UNIT_TARGETS += unit-fat

$(UNIT_FAT): tests/unit/fat/test_fat.c tests/unit/fat/disk.c $(FAT_SRCS) $(FAT_HEADERS) $(FLAGS_STAMP)
	@mkdir -p $(@D)
	$(call say,HOSTCC,$@)
	$(Q)$(HOSTCC) -std=gnu11 -O1 -g -Wall -Wextra -Werror -fsanitize=address,undefined -fno-sanitize-recover=undefined \
	    -I. -Iabi -Ilib -o $@ $(filter %.c,$^) -lcmocka

.PHONY: unit-fat fuzz-fat
unit-fat: $(UNIT_FAT)
	$(Q)$(UNIT_FAT)

$(BUILD)/fuzz/fuzz_fat: tests/fuzz/fuzz_fat.c tests/unit/fat/disk.c $(FAT_SRCS) $(FAT_HEADERS)
	@mkdir -p $(@D)
	$(call say,CLANG,$@)
	$(Q)$(CLANG) -std=gnu11 -g -O1 -Wall -Wextra -Werror -I. -Iabi -Ilib \
	    -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all -o $@ $(filter %.c,$^)

fuzz: fuzz-fat
fuzz-fat: $(BUILD)/fuzz/fuzz_fat
	$(Q)mkdir -p $(BUILD)/fuzz/corpus/fat $(BUILD)/fuzz/seeds/fat
	$(Q)for bits in 12 32; do rm -f $(BUILD)/fuzz/seeds/fat/$$bits; \
	    /sbin/mkfs.vfat -F $$bits -s 1 -C $(BUILD)/fuzz/seeds/fat/$$bits 256 >/dev/null 2>&1; \
	    [ $$bits = 32 ] || MTOOLS_SKIP_CHECK=1 mcopy -s -i $(BUILD)/fuzz/seeds/fat/$$bits lib/libc ::; done
	$(Q)$(BUILD)/fuzz/fuzz_fat -max_len=300000 -timeout=10 -max_total_time=$(FUZZ_SECONDS) -artifact_prefix=$(BUILD)/fuzz/ \
	    $(BUILD)/fuzz/corpus/fat $(BUILD)/fuzz/seeds/fat >$(BUILD)/fuzz/fat.log 2>&1 || { tail -50 $(BUILD)/fuzz/fat.log; exit 1; }
	$(Q)printf "fat: "; grep -a DONE $(BUILD)/fuzz/fat.log
