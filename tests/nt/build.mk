# SPDX-License-Identifier: MIT
# Win32 programs for the NT personality, built with Debian's stock MinGW.
NT_TEST_SRCS := $(wildcard tests/nt/*.c)
NT_TESTS := $(NT_TEST_SRCS:%.c=$(BUILD)/%.exe)
$(BUILD)/tests/nt/%.exe: tests/nt/%.c
	$(call say,MINGW,$@)
	$(Q)mkdir -p $(@D) && $(MINGW)gcc -std=gnu11 -O1 -Wall -Wextra -Werror -static-libgcc -s -o $@ $<
ALL += $(NT_TESTS)
