# SPDX-License-Identifier: MIT
# The sysroot of newlib programs: build/sysroot/{bin,include,lib}. The C library is in lib/libc.mk,
# the compiler in toolchain/build.mk.

include sysroot/lib/libc.mk

SYSROOT_FILES := $(SYSROOT_LIBC) $(SYSROOT)/toolchain.stamp

.PHONY: sysroot
sysroot: $(SYSROOT_FILES) ## the cross-compiler wrapper, headers and libraries of newlib programs

$(BUILD)/bin/hello-newlib: sysroot/examples/hello-newlib.c $(SYSROOT_FILES)
	$(call say,CC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(SYSROOT)/bin/i686-atomik-gcc -O2 -Wall $< -o $@

ALL += $(BUILD)/bin/hello-newlib
MANIFEST_UNIX += sysroot/unix.manifest
