# SPDX-License-Identifier: MIT
# Bytes in, load plan out: whoever links the loaders compiles LOADER_SRCS with its own flags. Here are
# their tests, which run on the host under the address and undefined-behaviour sanitizers:
#   unit-loaders   images built in memory, the samples of tests/unit/loaders linked in many ways, and
#                  those packages' executables that have been fetched
#   fuzz-loaders   libFuzzer for FUZZ_SECONDS on each loader; the corpus stays in build/fuzz

LOADER_SRCS := loaders/plan.c loaders/elf32/elf32.c loaders/pe/pe.c

comma := ,
LOADER_TESTS := tests/unit/loaders
LOADER_HOST_CFLAGS := -std=gnu11 -g -O1 -Wall -Wextra -Werror -I. -fsanitize=address,undefined \
	-fno-sanitize-recover=all
LOADER_HEADERS := $(wildcard loaders/*.h loaders/*/*.h $(LOADER_TESTS)/*.h tests/fuzz/*.h)
LOADER_HELPERS := $(LOADER_TESTS)/images.c $(LOADER_TESTS)/check.c
CLANG ?= clang
FUZZ_SECONDS ?= 20

UNIT_TARGETS += unit-loaders

LOADER_UNITS := test_elf32 test_elf32_requests test_pe test_pe_relocate test_pe_exports test_kinds

$(BUILD)/unit/loaders/test_%: $(LOADER_TESTS)/test_%.c $(LOADER_HELPERS) $(LOADER_TESTS)/expect.c $(LOADER_SRCS) \
		$(LOADER_HEADERS) $(FLAGS_STAMP)
	@mkdir -p $(@D)
	$(call say,HOSTCC,$@)
	$(Q)$(HOSTCC) $(LOADER_HOST_CFLAGS) -o $@ $(filter %.c,$^) -lcmocka

# The layouts, compared with those of the systems that the formats come from.
$(BUILD)/unit/loaders/layouts: $(LOADER_TESTS)/layout_elf32.c $(LOADER_TESTS)/layout_pe.c \
		$(LOADER_HEADERS)
	@mkdir -p $(@D)
	$(call say,CHECK,$@)
	$(Q)$(HOSTCC) -std=gnu11 -Wall -Wextra -Werror -I. -fsyntax-only $(LOADER_TESTS)/layout_elf32.c
	$(Q)$(MINGW)gcc -std=gnu11 -Wall -Wextra -Werror -I. -fsyntax-only $(LOADER_TESTS)/layout_pe.c
	$(Q)touch $@

# One program linked in all the ways that change its segments: $(call loader-sample,NAME,COMPILER,FLAGS)
define loader_sample_rules
LOADER_SAMPLES += $(BUILD)/unit/loaders/samples/$(1)
$(BUILD)/unit/loaders/samples/$(1): $(LOADER_TESTS)/sample.c
	@mkdir -p $$(@D)
	$$(call say,SAMPLE,$$@)
	$$(Q)$(2) -O1 $(3) -o $$@ $$<
endef
loader-sample = $(eval $(call loader_sample_rules,$(1),$(2),$(3)))

LOADER_BARE := -nostdlib -no-pie -Wl$(comma)-e$(comma)main -Wl$(comma)--no-warn-rwx-segments
$(call loader-sample,static,$(CROSS)gcc,-static)
$(call loader-sample,static-pie,$(CROSS)gcc,-static-pie)
$(call loader-sample,pie,$(CROSS)gcc,-pie -fpie)
$(call loader-sample,no-pie,$(CROSS)gcc,-no-pie)
$(call loader-sample,shared,$(CROSS)gcc,-shared -fpic)
$(call loader-sample,one-text-segment,$(CROSS)gcc,-static -Wl$(comma)-z$(comma)noseparate-code)
$(call loader-sample,nmagic,$(CROSS)gcc,$(LOADER_BARE) -Wl$(comma)-n)
$(call loader-sample,omagic,$(CROSS)gcc,$(LOADER_BARE) -Wl$(comma)-N)
$(call loader-sample,large-pages,$(CROSS)gcc,-static-pie -Wl$(comma)-z$(comma)max-page-size=0x10000)
$(call loader-sample,console.exe,$(MINGW)gcc,)
$(call loader-sample,stripped.exe,$(MINGW)gcc,-s)
$(call loader-sample,no-relocations.exe,$(MINGW)gcc,-Wl$(comma)--disable-reloc-section)
$(call loader-sample,mappable.exe,$(MINGW)gcc,-Wl$(comma)--file-alignment=4096)
$(call loader-sample,library.dll,$(MINGW)gcc,-shared -Wl$(comma)--export-all-symbols)

# Of the many kinds of files in there, those that are PE32 by their name.
LOADER_FETCHED = $(wildcard $(BUILD)/packages/busybox-static/bin/busybox) \
	$(wildcard $(BUILD)/packages/libwine/usr/lib/i386-linux-gnu/wine/i386-windows/*.dll) \
	$(wildcard $(BUILD)/windows/*.dll)

.PHONY: unit-loaders fuzz fuzz-loaders

unit-loaders: $(addprefix $(BUILD)/unit/loaders/,$(LOADER_UNITS) test_files layouts) $(LOADER_SAMPLES)
	$(Q)for unit in $(LOADER_UNITS); do $(BUILD)/unit/loaders/$$unit; done
	$(Q)$(BUILD)/unit/loaders/test_files $(LOADER_SAMPLES) $(LOADER_FETCHED)

$(BUILD)/fuzz/fuzz_%: tests/fuzz/fuzz_%.c $(LOADER_TESTS)/check.c $(LOADER_SRCS) $(LOADER_HEADERS)
	@mkdir -p $(@D)
	$(call say,CLANG,$@)
	$(Q)$(CLANG) -std=gnu11 -g -O1 -Wall -Wextra -Werror -I. \
		-fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all -o $@ $(filter %.c,$^)

$(BUILD)/fuzz/seed_loaders: tests/fuzz/seed_loaders.c $(LOADER_TESTS)/images.c $(LOADER_HEADERS)
	@mkdir -p $(@D)
	$(call say,HOSTCC,$@)
	$(Q)$(HOSTCC) $(LOADER_HOST_CFLAGS) -o $@ $(filter %.c,$^)

fuzz: fuzz-loaders ## fuzz the loaders for FUZZ_SECONDS (20) each

fuzz-loaders: $(addprefix $(BUILD)/fuzz/,fuzz_elf32 fuzz_pe seed_loaders)
	$(Q)mkdir -p $(BUILD)/fuzz/corpus/elf32 $(BUILD)/fuzz/corpus/pe
	$(Q)$(BUILD)/fuzz/seed_loaders $(BUILD)/fuzz/seeds
	$(Q)for kind in elf32 pe; do \
	    $(BUILD)/fuzz/fuzz_$$kind -max_len=32768 -max_total_time=$(FUZZ_SECONDS) -print_final_stats=1 \
	        -artifact_prefix=$(BUILD)/fuzz/ $(BUILD)/fuzz/corpus/$$kind $(BUILD)/fuzz/seeds/$$kind \
	        >$(BUILD)/fuzz/$$kind.log 2>&1 || { tail -50 $(BUILD)/fuzz/$$kind.log; exit 1; }; \
	    printf '%s: ' $$kind; grep number_of_executed_units $(BUILD)/fuzz/$$kind.log; \
	done
