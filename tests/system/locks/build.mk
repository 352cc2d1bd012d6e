# SPDX-License-Identifier: MIT
# A Unix and a Windows program that lock the same file; see crossing.c.
LOCKS_UNIX := $(BUILD)/tests/system/locks/crossing
$(LOCKS_UNIX): tests/system/locks/crossing.c
	$(call say,CC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CROSS)gcc -std=gnu11 -O1 -static -Wall -Wextra -Werror -o $@ $<
LOCKS_NT := $(BUILD)/tests/system/locks/locker.exe
$(LOCKS_NT): tests/system/locks/locker.c
	$(call say,MINGW,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(MINGW)gcc -std=gnu11 -O1 -Wall -Wextra -Werror -static-libgcc -s -o $@ $<
ALL += $(LOCKS_UNIX) $(LOCKS_NT)
