# SPDX-License-Identifier: MIT
# What tests/system/test_registry.py runs: its output differs from run to run.
NT_HIVES := $(BUILD)/tests/nt/hives/hives.exe
$(NT_HIVES): tests/nt/hives/hives.c
	$(call say,MINGW,$@)
	$(Q)mkdir -p $(@D) && $(MINGW)gcc -std=gnu11 -O1 -Wall -Wextra -Werror -static-libgcc -s -o $@ $< -ladvapi32
ALL += $(NT_HIVES)
