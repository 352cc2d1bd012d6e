# SPDX-License-Identifier: MIT
UNIT_TARGETS += unit-tty
.PHONY: unit-tty
unit-tty: $(BUILD)/tests/unit/test_ldisc
	$(Q)$<

$(BUILD)/tests/unit/test_ldisc: tests/unit/tty/test_ldisc.c servers/tty/ldisc.c servers/tty/ldisc.h
	$(call say,HOSTCC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(HOSTCC) -std=gnu11 -g -Wall -Wextra -Werror -fsanitize=address,undefined -I. -Iabi -o $@ $(filter %.c,$^) -lcmocka
