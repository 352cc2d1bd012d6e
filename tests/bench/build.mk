# SPDX-License-Identifier: MIT
# Static i386 program that tools/bench runs on Linux and on Atomik.
$(BUILD)/tests/bench/bench: tests/bench/bench.c
	$(call say,CC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CROSS)gcc -O2 -static -Wall -Wextra -Werror -o $@ $<
