# SPDX-License-Identifier: MIT
# Programs that run on the machines which tests/disk/ takes away.
$(BUILD)/tests/disk/%: tests/disk/%.c
	$(call say,CC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CROSS)gcc -std=gnu11 -O1 -static -Wall -Wextra -Werror -o $@ $<
ALL += $(BUILD)/tests/disk/records $(BUILD)/tests/disk/large

.PHONY: power-cuts driver-deaths large-file
power-cuts: all ## 200 power cuts under write load: nothing that was synced may be lost (RUNS=N)
	@tests/disk/powercut.py --build $(BUILD) --runs $(or $(RUNS),200)
driver-deaths: all ## 100 times kill -9 of drivers and file servers while tar runs, of the terminal's driver while lines are printed (RUNS=N)
	@tests/disk/death.py --build $(BUILD) --runs $(or $(RUNS),100)
large-file: all ## a machine of 128 MiB writes, maps and reads a file of 1 GiB (MEMORY=, SIZE= in MiB)
	@tests/disk/large.py --build $(BUILD) --memory $(or $(MEMORY),128) --size $(or $(SIZE),1024)
