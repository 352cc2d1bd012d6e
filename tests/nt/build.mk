# SPDX-License-Identifier: MIT
# Win32 programs for the NT personality, built with Debian's stock MinGW. What they print under Wine 8
# is recorded in expected/ by `make nt-record`; tests/system/test_nt.py compares.
NT_TEST_SRCS := $(wildcard tests/nt/*.c)
NT_TESTS := $(NT_TEST_SRCS:%.c=$(BUILD)/%.exe)
$(BUILD)/tests/nt/%.exe: tests/nt/%.c tests/nt/show.h
	$(call say,MINGW,$@)
	$(Q)mkdir -p $(@D) && $(MINGW)gcc -std=gnu11 -O1 -Wall -Wextra -Werror -static-libgcc -s -o $@ $< -ladvapi32 -ldbghelp -lntdll -luser32 -lgdi32 -lole32 -loleaut32 -luuid -lws2_32
ALL += $(NT_TESTS)

# Random system calls, and damaged programs, for hours if wanted: ntfuzz.exe SECONDS [SEED], badpe.exe SECONDS [SEED].
NT_FUZZ := $(BUILD)/tests/nt/fuzz/ntfuzz.exe $(BUILD)/tests/nt/fuzz/badpe.exe
$(NT_FUZZ): $(BUILD)/%.exe: %.c tests/nt/fuzz/counts.h tests/fuzz/random.h
	$(call say,MINGW,$@)
	$(Q)mkdir -p $(@D) && $(MINGW)gcc -std=gnu11 -O1 -Wall -Wextra -Werror -static-libgcc -s -I. -o $@ $< -ladvapi32 -lntdll
ALL += $(NT_FUZZ)

WINE ?= wine
.PHONY: nt-record
nt-record: $(NT_TESTS) ## record what the programs of tests/nt print under Wine (WINE=command)
	@tests/nt/record "$(WINE)" $(if $(ONLY),$(ONLY:%=$(BUILD)/tests/nt/%.exe),$(NT_TESTS))

NT_SECONDS ?= 600
.PHONY: nt-hostile
nt-hostile: all ## damaged programs and random calls against the NT personality, NT_SECONDS each
	@for program in badpe ntfuzz; do ./atomik run --mem 512 --timeout $$(($(NT_SECONDS) * 2 + 300)) --share $(BUILD)/tests/nt/fuzz \
	    -- /host/$$program.exe $(NT_SECONDS) </dev/null; done
