# SPDX-License-Identifier: MIT
#
# The one Makefile of Atomik. Each directory adds its part with a build.mk of a few lines; all paths are
# relative to this directory and everything that is made goes to $(BUILD).
#
# What a build.mk uses:
#   ALL += FILE               one more file of `make all`
#   MANIFEST_UNIX += FILE     manifest lines (tools/mkarchive) for the archive of the Unix and native side
#   MANIFEST_WINDOWS += FILE  the same for the archive that only the NT personality needs
#   UNIT_TARGETS += unit-X    a target that builds and runs one host unit test with cmocka
#   FLAG_VARS += NAME         everything is built again when the variable NAME changes; so it is with
#                             each variable whose name ends in CFLAGS or LDFLAGS
#   $(Q), $(call say,CC,$@)   a quiet recipe line and what is shown instead
#   $(BUILD)/packages/P/F     the file F of the Debian package P of tools/packages/packages.lock

SHELL := /bin/sh
.SHELLFLAGS := -ec
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.SECONDARY:
.SUFFIXES:
MAKEFLAGS += --no-builtin-rules

BUILD := build
CROSS := i686-linux-gnu-
MINGW := i686-w64-mingw32-
HOSTCC := gcc
PYTHON := /usr/bin/python3

Q := $(if $(V),,@)
say = $(if $(V),,@printf '  %-8s %s\n' $(1) $(2:$(BUILD)/%=%))

FRAGMENTS := $(sort $(wildcard */build.mk */*/build.mk */*/*/build.mk))
ALL :=
MANIFEST_UNIX := tools/image/unix.manifest
MANIFEST_WINDOWS := tools/image/windows.manifest
UNIT_TARGETS :=
FLAG_VARS := CROSS MINGW HOSTCC
FLAGS_STAMP := $(BUILD)/flags

# Goals that need neither the compilers nor the description of the build.
BARE_GOALS := help setup clean distclean count-kernel
ifneq ($(filter-out $(BARE_GOALS),$(or $(MAKECMDGOALS),help)),)

# Reading this file makes it: so the Debian packages are there before anything else is looked at. Until
# it exists the rest is not read; make then starts again.
include $(BUILD)/setup.mk
$(BUILD)/setup.mk: tools/setup/setup tools/setup/packages.txt
	@mkdir -p $(@D)
	@tools/setup/setup
	@echo 'SET_UP := yes' >$@

ifdef SET_UP

# lib/ comes first: it defines what the other fragments call.
include $(filter lib/build.mk,$(FRAGMENTS)) $(filter-out lib/build.mk,$(FRAGMENTS))

# Only goals that want all need the archives, and with them the packages that are fetched.
ARCHIVE_GOALS := all check tidy ports port-% $(shell sed -n 's/^\([a-z_.-]*\):[^\#]*\ball\b.*/\1/p' Makefile $(FRAGMENTS)) \
	$(BUILD)/boot/%.cpio $(BUILD)/atomik.img
ifneq ($(filter $(ARCHIVE_GOALS),$(MAKECMDGOALS)),)
$(eval $(call archive-rules,unix,UNIX))
$(eval $(call archive-rules,windows,WINDOWS))
include $(BUILD)/boot/unix.deps.mk $(BUILD)/boot/windows.deps.mk
endif

# The stamp is written while this file is read, and only when a flag differs from the last time: so
# that flags are a prerequisite like any other, and a build with nothing to do does nothing.
FLAG_VARS += $(filter %CFLAGS %LDFLAGS,$(.VARIABLES))
FLAGS_NOW := $(strip $(foreach name,$(sort $(FLAG_VARS)),$(name)=$($(name))))
ifneq ($(FLAGS_NOW),$(strip $(file <$(FLAGS_STAMP))))
$(shell mkdir -p $(BUILD))
$(file >$(FLAGS_STAMP),$(FLAGS_NOW))
endif

# What earlier builds learnt: headers that objects include, and objects that are there to be rebuilt.
NOT_OURS := $(foreach name,packages apt debian debian-corpus newlib cxx ports sysroot/include sysroot/native,-path $(BUILD)/$(name) -prune -o)
EARLIER := $(shell find $(BUILD) $(NOT_OURS) \( -name '*.d' -o -name '*.o' \) -print 2>/dev/null)
-include $(filter %.d,$(EARLIER))
$(filter %.o,$(EARLIER)): $(FLAGS_STAMP)

endif
endif

.PHONY: help all run test unit check tidy damage compile_commands.json format bench count-kernel setup clean distclean

help: ## this list
	@echo 'make TARGET [V=1 shows the commands] [BUILD=directory]'
	@sed -n 's/^\([a-z_.-]*\):.*## \(.*\)/  \1|\2/p' Makefile $(FRAGMENTS) | \
	    while IFS='|' read -r target text; do printf '%-22s %s\n' "$$target" "$$text"; done

setup: ## install the Debian packages that are missing
	@tools/setup/setup

all: $(ALL) ## build everything: kernel, programs, archives, disk image

run: all ## set up, build and boot the disk image to a shell in this terminal
	@./atomik --disk $(if $(filter-out build,$(BUILD)),--build $(BUILD))

test: all sysroot ## set up, build and run all tests
	@$(PYTHON) tools/run-tests --build $(BUILD) --check check $(UNIT_TARGETS)

unit: $(UNIT_TARGETS) ## the host unit tests alone

C_FILES = $(shell git ls-files '*.c' '*.h')

check: compile_commands.json ## formatting, layering, headers, static checks
	@clang-format --dry-run -Werror $(C_FILES)
	@tools/check-tree compile_commands.json
	@cppcheck -q --error-exitcode=1 --std=c11 --platform=unix32 --suppressions-list=tools/cppcheck.txt \
	    --inline-suppr -I. -Iabi -Ilib -Ipersonalities/posix $(filter %.c,$(C_FILES))
	@$(MAKE) --no-print-directory tidy
	@echo 'check: clean'

# The files of the build, in an order that spreads the long ones.
tidy: compile_commands.json ## clang-tidy (a part of check)
	@sed -n 's/^  "file": "\(.*\.c\)",*/\1/p' compile_commands.json | \
	    xargs -P $$(nproc) -n 8 clang-tidy --quiet -p . 2>$(BUILD)/tidy.log || { cat $(BUILD)/tidy.log; exit 1; }

format: ## rewrite the C files in the project's format
	@clang-format -i $(C_FILES)

# Headers of packages and of the build are read too: what they come from is built first.
# What a build of everything would run. Two things are left as they are, because make does them even with
# -n: newlib, whose recipe calls make, and the manifest that the rules which are read depend on.
compile_commands.json: all ## for clangd
	@$(MAKE) --no-print-directory -n -B V=1 -o $(BUILD)/newlib/installed/i686-elf/lib/libc.a \
	    -o $(BUILD)/image/busybox.manifest all | \
	    $(PYTHON) tools/compile-commands >$@.new && mv $@.new $@

DAMAGE_IMAGES := 10000

damage: all ## damaged ext4, FAT and ISO images in machines: DAMAGE_IMAGES=10000 of them (DAMAGE_SEED=, DAMAGE_FIRST= go on with a run)
	@$(PYTHON) tests/system/damage.py $(DAMAGE_IMAGES) $(DAMAGE_SEED) $(DAMAGE_FIRST)

bench: all ## compare speed with Debian's own kernel in the same QEMU
	@tools/bench/run --build $(BUILD)

KERNEL_LIMIT := 10000

count-kernel: ## count the kernel's lines without comments; fails at the limit
	@find kernel arch -path kernel/selftest -prune -o -name '*.[chS]' -print | sort | \
	    xargs awk -v limit=$(KERNEL_LIMIT) -f tools/count-lines.awk

clean: ## remove what was built; fetched packages and the Debian root stay
	@find $(BUILD) -mindepth 1 -maxdepth 1 ! -name apt ! -name packages ! -name 'debian*' ! -name setup.mk \
	    -exec rm -rf {} + 2>/dev/null || true

distclean: ## remove the build directory
	@rm -rf $(BUILD)
