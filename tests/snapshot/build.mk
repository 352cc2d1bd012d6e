# SPDX-License-Identifier: MIT
# Programs that the snapshot tests save and restore: static, with debugging information for gdb.
SNAPSHOT_TESTS := $(patsubst %.c,$(BUILD)/%,$(filter-out tests/snapshot/mutate.c,$(wildcard tests/snapshot/*.c)))
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

# A Windows program with threads that nobody here wrote, as npm knows it.
7ZA := $(BUILD)/packages/7za.exe
7ZA_SHA256 := 31fd52f8996986623cf52c3b4d0f7ac74a9dec63fc16c902cef673eed550c435
$(7ZA):
	$(call say,FETCH,$@)
	$(Q)rm -rf $@.d && mkdir -p $@.d && cd $@.d && npm pack --silent 7zip-bin@5.2.0 >/dev/null && \
	    tar -xzf *.tgz package/win/ia32/7za.exe
	$(Q)echo '$(7ZA_SHA256)  $@.d/package/win/ia32/7za.exe' | sha256sum -c --quiet
	$(Q)install -m 755 $@.d/package/win/ia32/7za.exe $@ && rm -r $@.d

RUNS ?= 10
.PHONY: snapshot-moments
snapshot-moments: all $(if $(filter 7za,$(or $(PROGRAMS),7za)),$(7ZA)) ## stop programs at RUNS random moments each and go on in new machines [RUNS=100] [PROGRAMS='shell cmd']
	@tests/snapshot/moments --build $(BUILD) --runs $(RUNS) $(PROGRAMS)

# Hostile snapshots are made on the host, with the library that reads them.
MUTATE := $(BUILD)/tests/snapshot/mutate
$(MUTATE): tests/snapshot/mutate.c $(wildcard lib/snapshot/*.[ch] abi/snapshot/*)
	$(call say,HOSTCC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(HOSTCC) -std=gnu11 -O1 -g -Wall -Wextra -Werror -Iabi -Ilib -o $@ $(filter %.c,$^)

.PHONY: snapshot-hostile
snapshot-hostile: all $(MUTATE) ## restore RUNS hostile snapshots of each kind of program and look what stays [RUNS=1000]
	@tests/snapshot/hostile --build $(BUILD) --runs $(RUNS) $(PROGRAMS)
