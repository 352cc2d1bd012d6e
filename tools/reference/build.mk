# SPDX-License-Identifier: MIT
# Reference pages, printed from the tables: build/docs/*.md
REFERENCE_PAGES := calls errors fs tty init console hello

$(BUILD)/tools/reference: tools/reference/reference.c $(wildcard abi/atomik/*.def abi/protocols/*.def)
	$(call say,HOSTCC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(HOSTCC) -Wall -Wextra -Werror -Iabi -o $@ $<

$(BUILD)/docs/%.md: $(BUILD)/tools/reference
	$(Q)mkdir -p $(@D)
	$(Q)$< $* >$@

.PHONY: docs
docs: $(REFERENCE_PAGES:%=$(BUILD)/docs/%.md) ## the reference pages of all interfaces, in build/docs
