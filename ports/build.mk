# SPDX-License-Identifier: MIT
# Ports: one directory each; tools/ports/port does the work. A port is built when its files or those it needs
# change; a new C library alone does not build all of them again (make ports-clean does).

PORTS := $(patsubst ports/%/port,%,$(sort $(wildcard ports/*/port)))
PORT_TOOLS := tools/ports/port tools/ports/fetch

# port_rules NAME
define port_rules
PORT_NEEDS_$(1) := $$(shell sed -n "s/^needs='\(.*\)'/\1/p" ports/$(1)/port)
$(BUILD)/ports/$(1)/installed: $(wildcard ports/$(1)/port ports/$(1)/*.patch) $$(PORT_NEEDS_$(1):%=$(BUILD)/ports/%/installed) | sysroot
	$$(call say,PORT,$(1))
	$$(Q)tools/ports/port $(BUILD) install $(1) && touch $$@
$(BUILD)/ports/$(1)/tested: $(BUILD)/ports/$(1)/installed $(BUILD)/ports/dash/installed $(wildcard ports/$(1)/*) tools/ports/guest.sh | all
	$$(Q)tools/ports/port $(BUILD) test $(1) && touch $$@
.PHONY: port-$(1) port-$(1)-test
port-$(1): $(BUILD)/ports/$(1)/installed
port-$(1)-test: $(BUILD)/ports/$(1)/tested
endef
$(foreach name,$(PORTS),$(eval $(call port_rules,$(name))))

.PHONY: ports ports-clean
ports: $(PORTS:%=$(BUILD)/ports/%/tested) ## build all ports and run their tests inside Atomik; port-NAME, port-NAME-test: one
ports-clean: ## remove what the ports built; fetched archives stay
	@find $(BUILD)/ports -mindepth 1 -maxdepth 1 ! -name archives -exec rm -rf {} +
