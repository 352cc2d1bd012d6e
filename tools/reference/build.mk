# SPDX-License-Identifier: MIT
# Reference pages, printed from the tables: build/docs/*.md
REFERENCE_PAGES := calls errors fs tty init console hello posix

$(BUILD)/tools/reference: tools/reference/reference.c $(wildcard abi/atomik/*.def abi/protocols/*.def) \
    personalities/nt/syscalls.def personalities/posix/syscalls.def
	$(call say,HOSTCC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(HOSTCC) -Wall -Wextra -Werror -Iabi -I. -o $@ $<

$(BUILD)/docs/%.md: $(BUILD)/tools/reference
	$(Q)mkdir -p $(@D)
	$(Q)$< $* >$@

.PHONY: docs
docs: $(REFERENCE_PAGES:%=$(BUILD)/docs/%.md) $(BUILD)/docs/nt.md $(BUILD)/docs/sysroot-posix.md ## the reference pages of all interfaces, in build/docs

# Linux's calls that the table does not have, behind those that it has.
$(BUILD)/docs/posix.md: $(BUILD)/tools/reference
	$(Q)mkdir -p $(@D)
	$(Q)$< posix >$@
	$(Q)printf '\nThese return ENOSYS, and `atrace --missing` names them:\n\n' >>$@
	$(Q)echo '#include <asm/unistd.h>' | $(CROSS)gcc -E -dM - | sed -n 's/^#define __NR_\([a-z0-9_]*\) [0-9]*$$/\1/p' | \
	    sort | while read name; do grep -q "([0-9]*, $$name," personalities/posix/syscalls.def || echo "* $$name"; done >>$@

# The calls that Wine's headers declare and the table does not have, behind those that it has.
$(BUILD)/docs/nt.md: $(BUILD)/tools/reference | $(NT_WINE)/winternl.h
	$(Q)mkdir -p $(@D)
	$(Q)$< nt >$@
	$(Q)echo >>$@ && echo "These return STATUS_NOT_IMPLEMENTED, and the log names each once:" >>$@ && echo >>$@
	$(Q)sed -n 's/.*WINAPI *\(Nt[A-Z][A-Za-z0-9]*\)(.*/\1/p' $(NT_WINE)/winternl.h | sort -u | while read name; do \
	    grep -q "NTCALL($$name," personalities/nt/syscalls.def || echo "* $$name"; done >>$@

$(BUILD)/docs/sysroot-posix.md: tools/sysroot/conformance tools/sysroot/posix-2008.txt $(SYSROOT)/lib/libc.a $(SYSROOT)/lib/libm.a
	$(Q)mkdir -p $(@D)
	$(Q)tools/sysroot/conformance $(SYSROOT) $(CROSS) >$@
