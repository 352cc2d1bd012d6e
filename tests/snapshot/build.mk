# SPDX-License-Identifier: MIT
# Programs that the snapshot tests save and restore: static, with debugging information for gdb.
SNAPSHOT_TESTS := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/snapshot/*.c))
$(BUILD)/tests/snapshot/%: tests/snapshot/%.c
	$(call say,CC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CROSS)gcc -std=gnu11 -g -O1 -static -pthread -Wall -Wextra -Werror -o $@ $<
ALL += $(SNAPSHOT_TESTS)
SNAPSHOT_NT_TESTS := $(patsubst %.c,$(BUILD)/%.exe,$(wildcard tests/snapshot/windows/*.c))
$(BUILD)/tests/snapshot/windows/%.exe: tests/snapshot/windows/%.c
	$(call say,MINGW,$@)
	$(Q)mkdir -p $(@D) && $(MINGW)gcc -std=gnu11 -g -O1 -Wall -Wextra -Werror -static-libgcc -o $@ $<
ALL += $(SNAPSHOT_NT_TESTS)

$(call native-program,snapshot-native,tests/snapshot/native/objects.c)
$(call native-program,crash-native,tests/snapshot/native/crash.c)
$(call native-program,family-native,tests/snapshot/native/family.c)

.PHONY: snapshot-step
snapshot-step: all ## save and restore the programs of tests/posix at every system call
	@tests/snapshot/step $(BUILD)

RUNS ?= 10
.PHONY: snapshot-moments
snapshot-moments: all ## stop programs at RUNS random moments each and go on in new machines [RUNS=100] [PROGRAMS='shell cmd']
	@tests/snapshot/moments --build $(BUILD) --runs $(RUNS) $(PROGRAMS)
