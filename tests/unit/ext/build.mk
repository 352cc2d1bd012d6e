# SPDX-License-Identifier: MIT
# ext2, ext3 and ext4 over images in memory, made by mke2fs and judged by e2fsck, with sanitizers.
UNIT_EXT := $(BUILD)/unit/ext
UNIT_EXT_SRCS := $(wildcard tests/unit/ext/*.c lib/ext/*.c)
UNIT_TARGETS += unit-ext

$(UNIT_EXT): $(UNIT_EXT_SRCS) $(wildcard tests/unit/ext/*.h lib/ext/*.h) $(FLAGS_STAMP)
	$(call say,HOSTCC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(HOSTCC) -std=gnu11 -O1 -g -Wall -Wextra -Werror -fsanitize=address,undefined \
	    -fno-sanitize-recover=undefined -I. -Iabi -Ilib -o $@ $(UNIT_EXT_SRCS) -lcmocka

.PHONY: unit-ext
unit-ext: $(UNIT_EXT)
	$(Q)$(UNIT_EXT)

# libFuzzer for FUZZ_SECONDS, from small images; the corpus stays in build/fuzz.
FUZZ_EXT_SRCS := tests/fuzz/fuzz_ext.c tests/unit/ext/exercise.c $(wildcard lib/ext/*.c)
$(BUILD)/fuzz/fuzz_ext: $(FUZZ_EXT_SRCS) $(wildcard tests/unit/ext/*.h lib/ext/*.h)
	@mkdir -p $(@D)
	$(call say,CLANG,$@)
	$(Q)$(CLANG) -std=gnu11 -g -O1 -Wall -Wextra -Werror -I. -Iabi -Ilib \
	    -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all -o $@ $(filter %.c,$^)

.PHONY: fuzz-ext
fuzz: fuzz-ext
fuzz-ext: $(BUILD)/fuzz/fuzz_ext
	$(Q)mkdir -p $(BUILD)/fuzz/corpus/ext $(BUILD)/fuzz/seeds/ext
	$(Q)for kind in 'ext2 -b 1024' 'ext4 -b 1024 -O ^has_journal,^metadata_csum' 'ext4 -b 1024 -O ^has_journal'; do \
	    image="$(BUILD)/fuzz/seeds/ext/$$(echo $$kind | tr -dc a-z0-9)"; rm -f $$image; \
	    PATH=$$PATH:/sbin:/usr/sbin mke2fs -q -F -t $$kind -N 32 -d lib/libc $$image 300k >/dev/null || exit 1; \
	done
	$(Q)$(BUILD)/fuzz/fuzz_ext -max_len=307200 -max_total_time=$(FUZZ_SECONDS) -timeout=20 \
	    -artifact_prefix=$(BUILD)/fuzz/ $(BUILD)/fuzz/corpus/ext $(BUILD)/fuzz/seeds/ext \
	    >$(BUILD)/fuzz/ext.log 2>&1 || { tail -50 $(BUILD)/fuzz/ext.log; exit 1; }
	$(Q)printf 'ext: '; tail -3 $(BUILD)/fuzz/ext.log | head -1
