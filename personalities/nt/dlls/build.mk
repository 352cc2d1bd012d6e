# SPDX-License-Identifier: MIT
# DLLs of drive C: that Wine 8 lacks, built with Debian's stock MinGW.
NT_DLL_CFLAGS := -std=gnu11 -Os -Wall -Wextra -Werror -s -shared -nostdlib -Wl,--kill-at -Wl,-e,_DllMain@12
NT_DLLS := $(patsubst personalities/nt/dlls/%.c,$(BUILD)/nt-dlls/%.dll,$(wildcard personalities/nt/dlls/*.c))
$(BUILD)/nt-dlls/%.dll: personalities/nt/dlls/%.c
	$(call say,MINGW,$@)
	$(Q)mkdir -p $(@D) && $(MINGW)gcc $(NT_DLL_CFLAGS) -o $@ $< -ladvapi32 -lkernel32
ALL += $(NT_DLLS)
