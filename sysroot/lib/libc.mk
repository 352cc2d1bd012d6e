# SPDX-License-Identifier: MIT
# The C library of the sysroot: newlib, built from Debian's package newlib-source with our headers in
# front of its own, and the system layer beside this file, merged into one libc.a. newlib is built
# once and again only when the package, the headers of ours that it uses or newlib.options change.

SYSROOT := $(BUILD)/sysroot
NEWLIB_SOURCE := $(firstword $(wildcard /usr/src/newlib/newlib-*.tar.xz))
NEWLIB_WORK := $(BUILD)/newlib
SYSROOT_BUILTIN := $(shell $(CROSS)gcc -print-file-name=include)
SYSROOT_HEADERS := $(shell find sysroot/include -name '*.h')
# Those that stand in front of one of newlib's own: newlib is built again when what is in them changes.
NEWLIB_HEADERS := $(addprefix sysroot/include/,dirent.h grp.h machine/setjmp.h math.h pthread.h sched.h search.h spawn.h stdio.h stdlib.h \
	sys/_default_fcntl.h sys/_pthreadtypes.h sys/_sigset.h sys/_timespec.h sys/_types.h sys/dirent.h \
	sys/errno.h sys/features.h sys/file.h sys/resource.h sys/sched.h sys/select.h sys/signal.h \
	sys/stat.h sys/syslimits.h sys/time.h sys/types.h sys/wait.h termios.h threads.h time.h unistd.h utmp.h)
# What is a program of Atomik and not of Linux; no position independence, no stack protector.
SYSROOT_TARGET := -march=i686 -fno-pic -fno-pie -fno-stack-protector -U__linux__ -U__linux -Ulinux -U__gnu_linux__ \
	-D__atomik__ -nostdinc
# -g1: debuggers find the way out of the library's functions, which have no unwind tables.
SYSROOT_CFLAGS := -O2 -g1 $(SYSROOT_TARGET) -ffunction-sections -fdata-sections -fno-asynchronous-unwind-tables
# What newlib asks of a system by macro.
NEWLIB_HAVE := -DHAVE_FCNTL -DHAVE_BLKSIZE -DHAVE_RENAME -DMALLOC_ALIGNMENT=16 -DDEFAULT_TOP_PAD=65536 \
	-DDEFAULT_TRIM_THRESHOLD=1048576

NEWLIB_STAMP := $(NEWLIB_WORK).inputs
NEWLIB_NOW := $(firstword $(shell cat $(NEWLIB_HEADERS) sysroot/lib/newlib.options | sha256sum)) $(NEWLIB_HAVE) $(SYSROOT_CFLAGS)
ifneq ($(strip $(NEWLIB_NOW)),$(strip $(file <$(NEWLIB_STAMP))))
$(shell mkdir -p $(BUILD))
$(file >$(NEWLIB_STAMP),$(NEWLIB_NOW))
endif

$(NEWLIB_WORK)/unpacked: $(NEWLIB_SOURCE)
	$(call say,UNPACK,$(NEWLIB_SOURCE))
	$(Q)rm -rf $(NEWLIB_WORK) && mkdir -p $(NEWLIB_WORK)
	$(Q)tar -xf $(NEWLIB_SOURCE) -C $(NEWLIB_WORK)
	$(Q)ln -s $$(basename $(NEWLIB_WORK)/newlib-*) $(NEWLIB_WORK)/source && touch $@

$(NEWLIB_WORK)/installed/i686-elf/lib/libc.a: $(NEWLIB_WORK)/unpacked $(NEWLIB_STAMP)
	$(call say,NEWLIB,$@)
	$(Q)rm -rf $(NEWLIB_WORK)/build $(NEWLIB_WORK)/installed && mkdir -p $(NEWLIB_WORK)/build
	$(Q)cd $(NEWLIB_WORK)/build && ../source/newlib/configure $(strip $(file <sysroot/lib/newlib.options)) \
	    CC="$(CROSS)gcc -I$(abspath sysroot/include)" CC_FOR_BUILD=gcc AR=$(CROSS)ar RANLIB=$(CROSS)ranlib \
	    AS=$(CROSS)as CFLAGS="$(SYSROOT_CFLAGS) $(NEWLIB_HAVE) -isystem $(SYSROOT_BUILTIN)" >configure.log 2>&1
	$(Q)$(MAKE) -j2 -C $(NEWLIB_WORK)/build -s >$(NEWLIB_WORK)/make.log 2>&1 || { tail -n 20 $(NEWLIB_WORK)/make.log; exit 1; }
	$(Q)$(MAKE) -C $(NEWLIB_WORK)/build -s install DESTDIR=$(abspath $(NEWLIB_WORK))/installed >>$(NEWLIB_WORK)/make.log 2>&1

# Headers: ours in include/, newlib's in include/newlib, in this order on every include path, so that
# ours can add to newlib's with #include_next.
$(SYSROOT)/include/stamp: $(NEWLIB_WORK)/installed/i686-elf/lib/libc.a $(SYSROOT_HEADERS)
	$(Q)mkdir -p $(@D) && find $(@D) -mindepth 1 -maxdepth 1 ! -name c++ -exec rm -rf {} +
	$(Q)mkdir -p $(@D)/newlib && cp -r sysroot/include/. $(@D)/ && cp -r $(NEWLIB_WORK)/installed/i686-elf/include/. $(@D)/newlib/
	$(Q)touch $@

SYSROOT_SRCS := $(wildcard sysroot/lib/*/*.c sysroot/lib/*/*.S)
SYSROOT_OBJS := $(patsubst sysroot/%,$(BUILD)/sysroot-objects/%.o,$(basename $(SYSROOT_SRCS)))
SYSROOT_SEARCH := -isystem $(SYSROOT_BUILTIN) -isystem $(SYSROOT)/include -isystem $(SYSROOT)/include/newlib

$(BUILD)/sysroot-objects/lib/%.o: sysroot/lib/%.c $(SYSROOT)/include/stamp $(FLAGS_STAMP)
	$(call say,CC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CROSS)gcc -std=gnu11 -Wall -Wextra -Werror $(SYSROOT_CFLAGS) $(SYSROOT_SEARCH) -D_GNU_SOURCE -fno-builtin -fno-tree-loop-distribute-patterns -Isysroot/lib -MMD -MP -c -o $@ $<

$(BUILD)/sysroot-objects/%.o: sysroot/%.S $(FLAGS_STAMP)
	$(call say,CC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CROSS)gcc -Isysroot/lib -MMD -MP -c -o $@ $<

# Patterns of files and regular expressions are newlib's, which its configuration for this target leaves out.
NEWLIB_POSIX := collate collcmp fnmatch glob regcomp regerror regexec regfree
NEWLIB_POSIX_OBJS := $(NEWLIB_POSIX:%=$(BUILD)/sysroot-objects/posix/%.o)
# BSD's glob is what lib/file/glob.c makes POSIX's of.
$(BUILD)/sysroot-objects/posix/glob.o: SYSROOT_RENAME := -Dglob=__bsd_glob
$(NEWLIB_POSIX_OBJS): $(BUILD)/sysroot-objects/posix/%.o: $(SYSROOT)/include/stamp
	$(Q)mkdir -p $(@D)
	$(Q)$(CROSS)gcc -std=gnu11 -w $(SYSROOT_CFLAGS) $(SYSROOT_SEARCH) -D_GNU_SOURCE $(SYSROOT_RENAME) \
	    -I$(NEWLIB_WORK)/source/newlib/libc/posix -c -o $@ $(NEWLIB_WORK)/source/newlib/libc/posix/$*.c

$(SYSROOT)/lib/libc.a: $(SYSROOT_OBJS) $(NEWLIB_POSIX_OBJS) $(NEWLIB_WORK)/installed/i686-elf/lib/libc.a sysroot/lib/merge-libc
	$(call say,AR,$@)
	$(Q)mkdir -p $(@D)
	$(Q)sysroot/lib/merge-libc $(CROSS) $@ $(NEWLIB_WORK)/installed/i686-elf/lib/libc.a $(SYSROOT_OBJS) $(NEWLIB_POSIX_OBJS)

MUSL_LIBC := $(BUILD)/packages/musl-dev/usr/lib/i386-linux-musl/libc.a
$(SYSROOT)/lib/libm.a: $(NEWLIB_WORK)/installed/i686-elf/lib/libc.a $(MUSL_LIBC) sysroot/lib/long-double
	$(call say,AR,$@)
	$(Q)mkdir -p $(@D)
	$(Q)sysroot/lib/long-double $(CROSS) $@ $(NEWLIB_WORK)/installed/i686-elf/lib/libm.a $(MUSL_LIBC)

# Everything is in libc.a; these exist because build systems name them.
SYSROOT_EMPTY := $(patsubst %,$(SYSROOT)/lib/lib%.a,pthread rt dl util g)
$(SYSROOT_EMPTY):
	$(Q)mkdir -p $(@D) && rm -f $@ && $(CROSS)ar rcs $@

$(SYSROOT)/lib/crt%.o: $(BUILD)/sysroot-objects/crt/crt%.o
	$(Q)mkdir -p $(@D) && cp $< $@

SYSROOT_LIBC := $(SYSROOT)/include/stamp $(patsubst %,$(SYSROOT)/lib/%,libc.a libm.a crt1.o crti.o crtn.o) $(SYSROOT_EMPTY)
