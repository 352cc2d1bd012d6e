# SPDX-License-Identifier: MIT
# Programs that run on the machines which tests/disk/ takes away.
$(BUILD)/tests/disk/%: tests/disk/%.c
	$(call say,CC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CROSS)gcc -std=gnu11 -O1 -static -Wall -Wextra -Werror -o $@ $<
ALL += $(BUILD)/tests/disk/records

.PHONY: power-cuts driver-deaths
power-cuts: all ## 200 power cuts under write load: nothing that was synced may be lost (RUNS=N)
	@tests/disk/powercut.py --build $(BUILD) --runs $(or $(RUNS),200)
driver-deaths: all ## 100 times kill -9 of drivers and file servers while tar runs (RUNS=N)
	@tests/disk/death.py --build $(BUILD) --runs $(or $(RUNS),100)
