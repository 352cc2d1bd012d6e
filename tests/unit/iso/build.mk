# SPDX-License-Identifier: MIT
# ISO 9660 on the host, on images of genisoimage, with sanitizers; and fuzzed.
UNIT_ISO := $(BUILD)/unit/iso
ISO_HEADERS := $(wildcard lib/iso/*.h tests/unit/iso/*.h)
UNIT_TARGETS += unit-iso

$(UNIT_ISO): $(wildcard tests/unit/iso/*.c lib/iso/*.c) $(ISO_HEADERS) $(FLAGS_STAMP)
	@mkdir -p $(@D)
	$(call say,HOSTCC,$@)
	$(Q)$(HOSTCC) -std=gnu11 -O1 -g -Wall -Wextra -Werror -fsanitize=address,undefined -fno-sanitize-recover=undefined \
	    -I. -Iabi -Ilib -o $@ $(filter %.c,$^) -lcmocka

.PHONY: unit-iso fuzz-iso
unit-iso: $(UNIT_ISO)
	$(Q)$(UNIT_ISO)

$(BUILD)/fuzz/fuzz_iso: tests/fuzz/fuzz_iso.c tests/unit/iso/walk.c $(wildcard lib/iso/*.c) $(ISO_HEADERS)
	@mkdir -p $(@D)
	$(call say,CLANG,$@)
	$(Q)$(CLANG) -std=gnu11 -g -O1 -Wall -Wextra -Werror -I. -Iabi -Ilib \
	    -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all -o $@ $(filter %.c,$^)

fuzz: fuzz-iso
fuzz-iso: $(BUILD)/fuzz/fuzz_iso
	$(Q)mkdir -p $(BUILD)/fuzz/corpus/iso $(BUILD)/fuzz/seeds/iso
	$(Q)genisoimage -quiet -R -J -no-pad -o $(BUILD)/fuzz/seeds/iso/rock lib/iso 2>/dev/null
	$(Q)genisoimage -quiet -J -no-pad -o $(BUILD)/fuzz/seeds/iso/joliet lib/iso 2>/dev/null
	$(Q)$(BUILD)/fuzz/fuzz_iso -max_len=300000 -timeout=10 -max_total_time=$(FUZZ_SECONDS) -artifact_prefix=$(BUILD)/fuzz/ \
	    $(BUILD)/fuzz/corpus/iso $(BUILD)/fuzz/seeds/iso >$(BUILD)/fuzz/iso.log 2>&1 || { tail -50 $(BUILD)/fuzz/iso.log; exit 1; }
	$(Q)printf 'iso: '; grep -a "DONE" $(BUILD)/fuzz/iso.log
