# SPDX-License-Identifier: MIT
# Programs of the sysroot's C library, built by its compiler as a user would; tests/system/test_sysroot.py
# runs them on the host and in Atomik.
SYSROOT_TESTS := $(patsubst %,$(BUILD)/tests/sysroot/%,threads files processes library heap longmath self)
$(BUILD)/tests/sysroot/%: tests/sysroot/%.c tests/sysroot/check.h $(SYSROOT_LIBC) $(SYSROOT)/toolchain.stamp
	$(call say,CC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(SYSROOT)/bin/i686-atomik-gcc -std=gnu11 -O2 -Wall -Wextra -Werror -D_GNU_SOURCE -o $@ $< -lm
ALL += $(SYSROOT_TESTS)

.PHONY: sysroot-bench
sysroot-bench: $(BUILD)/tests/sysroot/speed ## memcpy, strlen and malloc of the sysroot against the host's C library
	@$(CROSS)gcc -std=gnu11 -O2 -static -D_GNU_SOURCE -o $(BUILD)/tests/sysroot/speed-host tests/sysroot/speed.c
	@tests/sysroot/compare-speed $(BUILD)/tests/sysroot/speed-host $(BUILD)/tests/sysroot/speed
