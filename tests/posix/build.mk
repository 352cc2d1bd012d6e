# SPDX-License-Identifier: MIT
# Static i386 programs that print what the Unix system calls do. What they print on Linux is recorded in
# expected/ by `make posix-record`; tests/system/test_posix.py compares it with what they print here.
POSIX_TEST_SRCS := $(wildcard tests/posix/*.c)
POSIX_TESTS := $(POSIX_TEST_SRCS:%.c=$(BUILD)/%)
$(BUILD)/tests/posix/%: tests/posix/%.c tests/posix/show.h
	$(call say,CC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CROSS)gcc -std=gnu11 -O1 -static -pthread -Wall -Wextra -Werror -Wno-stringop-overflow -Wno-nonnull -o $@ $< -lutil -lrt
ALL += $(POSIX_TESTS)

.PHONY: posix-record
posix-record: $(POSIX_TESTS) ## record what the programs of tests/posix print on this (Linux) host
	@tests/posix/record $(if $(ONLY),$(ONLY:%=$(BUILD)/tests/posix/%),$(POSIX_TESTS))

# Much of one thing: run with options of its own (tests/system/test_limits.py).
POSIX_MANY := $(BUILD)/tests/posix/limits/many
$(POSIX_MANY): tests/posix/limits/many.c tests/posix/show.h
	$(call say,CC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CROSS)gcc -std=gnu11 -O1 -static -pthread -Wall -Wextra -Werror -I. -o $@ $<
ALL += $(POSIX_MANY)
