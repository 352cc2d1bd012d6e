# SPDX-License-Identifier: MIT
# Unpacking of the boot archive's compressed files, with sanitizers.
UNIT_ARCHIVE := $(BUILD)/unit/archive
UNIT_TARGETS += unit-archive

$(UNIT_ARCHIVE): tests/unit/archive/test_inflate.c lib/archive/inflate.c lib/archive/inflate.h $(FLAGS_STAMP)
	$(call say,HOSTCC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(HOSTCC) -std=gnu11 -O1 -g -Wall -Wextra -Werror -fsanitize=address,undefined \
	    -fno-sanitize-recover=undefined -Iabi -Ilib -o $@ $(filter %.c,$^) -lcmocka

.PHONY: unit-archive
unit-archive: $(UNIT_ARCHIVE)
	$(Q)$(UNIT_ARCHIVE)
