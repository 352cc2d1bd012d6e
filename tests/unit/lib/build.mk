# SPDX-License-Identifier: MIT
# The C library's pure parts against the host's: the same calls must give the same results. And lists and tables.
UNIT_LIB := $(BUILD)/unit/lib
UNIT_LIB_NAMES := vsnprintf snprintf memcpy memmove memset memcmp memchr strlen strnlen strcmp strncmp strcasecmp \
	strncasecmp strchr strrchr strstr strcpy strncpy strcat strspn strcspn strdup strndup strlcpy qsort strtol \
	strtoul strtoull atoi abs getenv exit abort
UNIT_TARGETS += unit-lib

$(BUILD)/unit/lib-%.o: lib/libc/%.c $(wildcard lib/libc/*.h) $(FLAGS_STAMP)
	@mkdir -p $(@D)
	$(Q)$(HOSTCC) -std=gnu11 -ffreestanding -fno-builtin -fno-tree-loop-distribute-patterns -O2 -g -Wall -Wextra -Werror \
	    -Iabi -Ilib -Ilib/libc $(foreach name,$(UNIT_LIB_NAMES),-D$(name)=our_$(name)) -c -o $@ $<

$(UNIT_LIB): tests/unit/lib/test_libc.c $(BUILD)/unit/lib-format.o $(BUILD)/unit/lib-string.o $(BUILD)/unit/lib-stdlib.o
	$(call say,HOSTCC,$@)
	$(Q)$(HOSTCC) -std=gnu11 -O1 -g -Wall -Wextra -Werror -Wno-format -fsanitize=address,undefined -fno-builtin \
	    -Iabi -o $@ $^ -lcmocka

$(BUILD)/unit/list $(BUILD)/unit/table: $(BUILD)/unit/%: tests/unit/lib/test_%.c lib/atomik/%.h $(FLAGS_STAMP)
	@mkdir -p $(@D)
	$(call say,HOSTCC,$@)
	$(Q)$(HOSTCC) -std=gnu11 -O1 -g -Wall -Wextra -Werror -fsanitize=address,undefined -Ilib -o $@ $< -lcmocka

.PHONY: unit-lib
unit-lib: $(UNIT_LIB) $(BUILD)/unit/list $(BUILD)/unit/table
	$(Q)$(UNIT_LIB)
	$(Q)$(BUILD)/unit/list
	$(Q)$(BUILD)/unit/table
