# SPDX-License-Identifier: MIT
# Console programs of drive C: that Wine 8 has only as empty stubs, built with Debian's stock MinGW.
NT_PROGRAMS := $(patsubst personalities/nt/programs/%.c,$(BUILD)/nt-programs/%.exe,$(wildcard personalities/nt/programs/*.c))
$(BUILD)/nt-programs/%.exe: personalities/nt/programs/%.c personalities/nt/programs/program.h
	$(call say,MINGW,$@)
	$(Q)mkdir -p $(@D) && $(MINGW)gcc -std=gnu11 -Os -Wall -Wextra -Werror -static-libgcc -s -o $@ $< -lpsapi
ALL += $(NT_PROGRAMS)
