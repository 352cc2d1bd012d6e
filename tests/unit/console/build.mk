# SPDX-License-Identifier: MIT
UNIT_TARGETS += unit-console
.PHONY: unit-console
unit-console: $(BUILD)/tests/unit/test_console
	$(Q)$<

CONSOLE_PURE := $(addprefix drivers/console/,screen.c glyph.c keyboard.c)

$(BUILD)/tests/unit/test_console: tests/unit/console/test_console.c $(CONSOLE_PURE) $(wildcard drivers/console/*.h)
	$(call say,HOSTCC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(HOSTCC) -std=gnu11 -g -Wall -Wextra -Werror -fsanitize=address,undefined -I. -Iabi -o $@ $(filter %.c,$^) -lcmocka
