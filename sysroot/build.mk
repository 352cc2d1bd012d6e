# SPDX-License-Identifier: MIT
# The sysroot of newlib programs: build/sysroot/{bin,include,lib}. newlib's source is Debian's package
# newlib-source; it is built once and again only when the package or this file changes.

SYSROOT := $(BUILD)/sysroot
NEWLIB_SOURCE := $(firstword $(wildcard /usr/src/newlib/newlib-*.tar.xz))
NEWLIB_WORK := $(BUILD)/newlib
SYSROOT_BUILTIN := $(shell $(CROSS)gcc -print-file-name=include)
NEWLIB_CFLAGS := -O2 -march=i686 -fno-pic -fno-stack-protector -U__linux__ -U__linux -Ulinux -U__gnu_linux__ \
	-nostdinc -isystem $(SYSROOT_BUILTIN)
SYSROOT_SRCS := $(wildcard sysroot/newlib/*.c)
SYSROOT_OBJS := $(SYSROOT_SRCS:%.c=$(BUILD)/%.o)

$(NEWLIB_WORK)/unpacked: $(NEWLIB_SOURCE) sysroot/build.mk
	$(call say,UNPACK,$(NEWLIB_SOURCE))
	$(Q)rm -rf $(NEWLIB_WORK) && mkdir -p $(NEWLIB_WORK)
	$(Q)tar -xf $(NEWLIB_SOURCE) -C $(NEWLIB_WORK)
	$(Q)ln -s $$(basename $(NEWLIB_WORK)/newlib-*) $(NEWLIB_WORK)/source && touch $@

$(SYSROOT)/lib/libc.a: $(NEWLIB_WORK)/unpacked
	$(call say,NEWLIB,$@)
	$(Q)mkdir -p $(NEWLIB_WORK)/build
	$(Q)cd $(NEWLIB_WORK)/build && ../source/newlib/configure --host=i686-elf --target=i686-elf \
	    --prefix=/ --disable-multilib --disable-newlib-supplied-syscalls --enable-newlib-io-long-long \
	    --enable-newlib-io-c99-formats --enable-newlib-retargetable-locking --disable-shared \
	    CC=$(CROSS)gcc CC_FOR_BUILD=gcc AR=$(CROSS)ar RANLIB=$(CROSS)ranlib AS=$(CROSS)as \
	    CFLAGS="$(NEWLIB_CFLAGS)" >configure.log 2>&1
	$(Q)$(MAKE) -C $(NEWLIB_WORK)/build -s >$(NEWLIB_WORK)/make.log 2>&1 || { tail -n 20 $(NEWLIB_WORK)/make.log; exit 1; }
	$(Q)$(MAKE) -C $(NEWLIB_WORK)/build -s install DESTDIR=$(abspath $(NEWLIB_WORK))/installed >>$(NEWLIB_WORK)/make.log 2>&1
	$(Q)mkdir -p $(SYSROOT)/lib && rm -rf $(SYSROOT)/include
	$(Q)cp -r $(NEWLIB_WORK)/installed/i686-elf/include $(SYSROOT)/include
	$(Q)cp $(NEWLIB_WORK)/installed/i686-elf/lib/lib[cmg].a $(SYSROOT)/lib/

$(BUILD)/sysroot/newlib/%.o: sysroot/newlib/%.c $(SYSROOT)/lib/libc.a $(FLAGS_STAMP)
	$(call say,CC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CROSS)gcc -std=gnu11 -Wall -Wextra -Werror $(NEWLIB_CFLAGS) -isystem $(SYSROOT)/include -MMD -MP -c -o $@ $<

$(SYSROOT)/lib/crt0.o: sysroot/newlib/crt0.S
	$(Q)mkdir -p $(@D)
	$(Q)$(CROSS)gcc -c -o $@ $<

$(SYSROOT)/lib/libatomik-posix.a: $(SYSROOT_OBJS)
	$(Q)rm -f $@ && $(CROSS)ar rcs $@ $^

$(SYSROOT)/bin/%: sysroot/bin/%
	$(Q)mkdir -p $(@D)
	$(Q)cp $< $@

SYSROOT_FILES := $(SYSROOT)/lib/libc.a $(SYSROOT)/lib/crt0.o $(SYSROOT)/lib/libatomik-posix.a $(SYSROOT)/bin/i686-atomik-gcc

.PHONY: sysroot
sysroot: $(SYSROOT_FILES) ## the cross-compiler wrapper, headers and libraries of newlib programs

$(BUILD)/bin/hello-newlib: sysroot/examples/hello-newlib.c $(SYSROOT_FILES)
	$(call say,CC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(SYSROOT)/bin/i686-atomik-gcc -O2 -Wall $< -o $@

ALL += $(BUILD)/bin/hello-newlib
MANIFEST_UNIX += sysroot/unix.manifest
