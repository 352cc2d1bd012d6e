# SPDX-License-Identifier: MIT
# A program and its DLLs: imported, loaded, and delayed until their first use (dlltool's --output-delaylib).
NT_MODULES := $(BUILD)/tests/nt
NT_MODULE_CC = $(MINGW)gcc -std=gnu11 -O1 -Wall -Wextra -Werror -static-libgcc -s -I.
# A DLL of which only this is known: its name and the function value_of_$(2).
nt_delayed = $(Q)printf 'LIBRARY %s\nEXPORTS\nvalue_of_%s\n' $(1).dll $(2) >$(@D)/delayed/$(2).def && \
	$(MINGW)dlltool -d $(@D)/delayed/$(2).def -y $(@D)/delayed/$(2).a

$(NT_MODULES)/modules.exe: tests/nt/modules/modules.c tests/nt/modules/part.c tests/nt/show.h
	$(call say,MINGW,$@)
	$(Q)mkdir -p $(@D)/delayed
	$(call nt_part,b)
	$(call nt_part,a,-DNEEDS=b $(@D)/b.dll)
	$(call nt_part,c,-DNEEDS=b $(@D)/b.dll)
	$(call nt_part,d,-DNEEDS=b $(@D)/b.dll)
	$(call nt_part,quiet,-DQUIET)
	$(call nt_part,refuses,-DREFUSES)
	$(call nt_delayed,d,d)
	$(call nt_delayed,absent,absent)
	$(call nt_delayed,b,missing)
	$(Q)$(NT_MODULE_CC) -o $@ $< $(@D)/a.dll $(addprefix $(@D)/delayed/,d.a absent.a missing.a) -ldelayimp
nt_part = $(Q)$(NT_MODULE_CC) -shared -DNAME=$(1) -o $(@D)/$(1).dll tests/nt/modules/part.c $(2)
ALL += $(NT_MODULES)/modules.exe
