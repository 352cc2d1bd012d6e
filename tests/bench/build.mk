# SPDX-License-Identifier: MIT
# Static i386 program that tools/bench runs on Linux and on Atomik.
$(BUILD)/tests/bench/bench: tests/bench/bench.c
	$(call say,CC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CROSS)gcc -O2 -static -pthread -Wall -Wextra -Werror -o $@ $<

$(BUILD)/tests/bench/disk-bench: tests/bench/disk-bench.c tests/bench/measure.h
	$(call say,CC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CROSS)gcc -O2 -static -Wall -Wextra -Werror -o $@ $<

# Snapshots, on Atomik alone.
$(BUILD)/tests/bench/snap-bench: tests/bench/snap-bench.c tests/bench/measure.h
	$(call say,CC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CROSS)gcc -O2 -static -Wall -Wextra -Werror -o $@ $<

# The Win32 one, for Atomik and Wine.
$(BUILD)/tests/bench/bench-win.exe: tests/bench/bench-win.c
	$(call say,MINGW,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(MINGW)gcc -std=gnu11 -O2 -Wall -Wextra -Werror -static-libgcc -s -o $@ $< -ladvapi32

# All that tools/bench/run needs beside `make all`.
$(BUILD)/bench.stamp: $(BUILD)/tests/bench/bench $(BUILD)/tests/bench/bench-win.exe $(BUILD)/tests/bench/disk-bench $(BUILD)/tests/bench/snap-bench \
    $(BUILD)/tests/nt/hello-win.exe \
    $(addprefix $(BUILD)/packages/,$(addsuffix .stamp,linux-image-686 libwine wine32 libc6 libgcc-s1))
	$(Q)touch $@
