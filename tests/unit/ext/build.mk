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

.PHONY: fuzz-ext fuzz-ext-journal
fuzz: fuzz-ext fuzz-ext-journal
fuzz-ext: $(BUILD)/fuzz/fuzz_ext
	$(Q)mkdir -p $(BUILD)/fuzz/corpus/ext $(BUILD)/fuzz/seeds/ext
	$(Q)for kind in 'ext2 -b 1024' 'ext4 -b 1024 -O ^has_journal,^metadata_csum' 'ext4 -b 1024 -O ^has_journal' \
	    'ext4 -b 1024 -I 512 -O ^has_journal,inline_data'; do \
	    image="$(BUILD)/fuzz/seeds/ext/$$(echo $$kind | tr -dc a-z0-9)"; rm -f $$image; \
	    PATH=$$PATH:/sbin:/usr/sbin mke2fs -q -F -t $$kind -N 32 -d lib/libc $$image 300k >/dev/null || exit 1; \
	done
	$(Q)$(BUILD)/fuzz/fuzz_ext -max_len=307200 -max_total_time=$(FUZZ_SECONDS) -timeout=20 \
	    -artifact_prefix=$(BUILD)/fuzz/ $(BUILD)/fuzz/corpus/ext $(BUILD)/fuzz/seeds/ext \
	    >$(BUILD)/fuzz/ext.log 2>&1 || { tail -50 $(BUILD)/fuzz/ext.log; exit 1; }
	$(Q)printf 'ext: '; grep -a "DONE" $(BUILD)/fuzz/ext.log

# The same on the start of a journal that has to be replayed: the ring of 1024 blocks alone is more than a fuzzer can
# work with. debugfs writes transactions of each format, of blocks that are free, and leaves them in the journal.
FUZZ_JOURNAL := $(BUILD)/fuzz/seeds/ext-journal
fuzz-ext-journal: $(BUILD)/fuzz/fuzz_ext
	$(Q)rm -rf $(FUZZ_JOURNAL) && mkdir -p $(BUILD)/fuzz/corpus/ext-journal $(FUZZ_JOURNAL)/inputs
	$(Q)PATH=$$PATH:/sbin:/usr/sbin; base=$(FUZZ_JOURNAL)/base; head -c 3072 $(BUILD)/fuzz/fuzz_ext >$(FUZZ_JOURNAL)/blocks; \
	for kind in '-v 1' '-c -v 2' '-c -v 3'; do \
	    rm -f $$base && mke2fs -q -F -t ext4 -b 1024 -J size=1 -O ^metadata_csum -N 64 -d lib/libc $$base 2100k >/dev/null; \
	    printf "jo $$kind\njw -b 1500,1501,1502 $(FUZZ_JOURNAL)/blocks\njw -b 1501 $(FUZZ_JOURNAL)/blocks\njw -r 1502\njc\n" \
	        >$(FUZZ_JOURNAL)/commands; debugfs -w -f $(FUZZ_JOURNAL)/commands $$base >/dev/null 2>&1; \
	    place=$$(($$(debugfs -R 'bmap <8> 0' $$base 2>/dev/null) * 1024)); \
	    tail -c +$$((place + 1)) $$base | head -c 12288 >"$(FUZZ_JOURNAL)/inputs/$$(echo $$kind | tr -dc 0-9)"; \
	done; \
	FUZZ_BASE=$$base FUZZ_PLACE=$$place $(BUILD)/fuzz/fuzz_ext -max_len=16384 -max_total_time=$(FUZZ_SECONDS) -timeout=20 \
	    -artifact_prefix=$(BUILD)/fuzz/journal- $(BUILD)/fuzz/corpus/ext-journal $(FUZZ_JOURNAL)/inputs \
	    >$(BUILD)/fuzz/ext-journal.log 2>&1 || { tail -50 $(BUILD)/fuzz/ext-journal.log; exit 1; }
	$(Q)printf 'ext-journal: '; grep -a "DONE" $(BUILD)/fuzz/ext-journal.log
