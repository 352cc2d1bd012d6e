# SPDX-License-Identifier: MIT
# The sysroot of newlib programs: build/sysroot/{bin,include,lib}. The C library is in lib/libc.mk.

include sysroot/lib/libc.mk

$(SYSROOT)/bin/%: sysroot/bin/%
	$(Q)mkdir -p $(@D)
	$(Q)cp $< $@

SYSROOT_FILES := $(SYSROOT_LIBC) $(SYSROOT)/bin/i686-atomik-gcc

.PHONY: sysroot
sysroot: $(SYSROOT_FILES) ## the cross-compiler wrapper, headers and libraries of newlib programs

$(BUILD)/bin/hello-newlib: sysroot/examples/hello-newlib.c $(SYSROOT_FILES)
	$(call say,CC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(SYSROOT)/bin/i686-atomik-gcc -O2 -Wall $< -o $@

ALL += $(BUILD)/bin/hello-newlib
MANIFEST_UNIX += sysroot/unix.manifest
