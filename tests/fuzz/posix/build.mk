# SPDX-License-Identifier: MIT
# Random Linux system calls. It goes over the personality's own table of calls.
SYSFUZZ := $(BUILD)/tests/fuzz/posix/sysfuzz
SYSFUZZ_SRCS := $(wildcard tests/fuzz/posix/*.c)
$(SYSFUZZ): $(SYSFUZZ_SRCS) $(wildcard tests/fuzz/posix/*.h) tests/fuzz/random.h personalities/posix/syscalls.def
	$(call say,CC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CROSS)gcc -std=gnu11 -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -O1 -static -pthread -fno-stack-protector -Wall -Wextra -Werror -I. -o $@ $(SYSFUZZ_SRCS) -lutil -lrt
ALL += $(SYSFUZZ)

# Another first seed each time; it is in the log, and so are those of all processes that ran.
SYSFUZZ_SECONDS ?= 600
SYSFUZZ_SEED ?= $(shell date +%s)
.PHONY: fuzz-calls
fuzz-calls: all ## random Linux system calls for SYSFUZZ_SECONDS (600); SYSFUZZ_SEED=first seed
	@echo 'sysfuzz: $(SYSFUZZ_SECONDS) seconds from seed $(SYSFUZZ_SEED)'
	@SYSFUZZ_SECONDS=$(SYSFUZZ_SECONDS) SYSFUZZ_SEED=$(SYSFUZZ_SEED) ATOMIK_BUILD=$(BUILD) \
	    $(PYTHON) -m pytest -q -p no:cacheprovider tests/system/test_fuzz.py
