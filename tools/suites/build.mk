# SPDX-License-Identifier: MIT
# Independent test suites as a yardstick. Nothing of them is in this repository: LTP_SOURCE is a source tree of
# the Linux Test Project (https://github.com/linux-test-project/ltp); autoconf, automake and m4 build it.
.PHONY: suites
suites: all debian-root ## measure with the Linux Test Project: LTP_SOURCE=DIRECTORY, as root
	@test -n '$(LTP_SOURCE)' || { echo 'suites: LTP_SOURCE= names a source tree of the Linux Test Project'; exit 1; }
	@tools/suites/ltp build '$(LTP_SOURCE)'
	@tools/suites/ltp host
	@tools/suites/ltp run
	@tools/suites/ltp report

.PHONY: suites-zdtm
suites-zdtm: all ## measure snapshots with CRIU's ZDTM tests, from Debian's source package
	@tools/suites/zdtm build
	@tools/suites/zdtm run
	@tools/suites/zdtm report

.PHONY: suites-busybox
suites-busybox: all $(BUILD)/packages/busybox.stamp ## run busybox's testsuite here and on the host, as root
	@ATOMIK_BUILD=$(BUILD) tools/suites/busybox host
	@ATOMIK_BUILD=$(BUILD) tools/suites/busybox run
	@ATOMIK_BUILD=$(BUILD) tools/suites/busybox report

.PHONY: suites-kernel
suites-kernel: all $(BUILD)/packages/linux-source-6.1.stamp ## run the kernel's selftests here and on the host, as root
	@ATOMIK_BUILD=$(BUILD) tools/suites/kernel build
	@ATOMIK_BUILD=$(BUILD) tools/suites/kernel host
	@ATOMIK_BUILD=$(BUILD) tools/suites/kernel run
	@ATOMIK_BUILD=$(BUILD) tools/suites/kernel report

# Wine's conformance tests for ntdll, kernel32, msvcrt and ucrtbase; sources and Wine itself are Debian's packages.
WINE_SUITE_PACKAGES := $(addprefix $(BUILD)/packages/,$(addsuffix .stamp,wine wine32 libwine libwine-dev libz-mingw-w64))
.PHONY: suites-wine
suites-wine: all $(WINE_SUITE_PACKAGES) ## measure with Wine's tests of its DLLs, here and under Wine (libc6-i386)
	@tools/suites/wine build
	@tools/suites/wine host
	@tools/suites/wine run
	@tools/suites/wine report

.PHONY: suites-files
suites-files: all ## measure file systems: PJDFSTEST_SOURCE= and LTP_SOURCE= name source trees
	@test -n '$(LTP_SOURCE)' -a -n '$(PJDFSTEST_SOURCE)' || { echo 'suites-files: PJDFSTEST_SOURCE= and LTP_SOURCE='; exit 1; }
	@tools/suites/files build '$(PJDFSTEST_SOURCE)' '$(LTP_SOURCE)'
	@tools/suites/files run

# The sysroot's C library: programs built with i686-atomik-gcc, on this host and in Atomik.
.PHONY: suites-newlib suites-libstdcxx suites-openposix
suites-newlib: all sysroot $(BUILD)/packages/busybox-static.stamp ## newlib's own tests, here and on the host, as root
	@ATOMIK_BUILD=$(BUILD) tools/suites/newlib build
	@ATOMIK_BUILD=$(BUILD) tools/suites/newlib host
	@ATOMIK_BUILD=$(BUILD) tools/suites/newlib run
	@ATOMIK_BUILD=$(BUILD) tools/suites/newlib report

# EVERY=1 takes all of the tests, some hours; 20 is every twentieth.
EVERY := 20
suites-libstdcxx: all sysroot $(BUILD)/packages/busybox-static.stamp ## libstdc++'s own tests, every EVERYth, here and on the host, as root
	@ATOMIK_BUILD=$(BUILD) tools/suites/libstdcxx build $(EVERY)
	@ATOMIK_BUILD=$(BUILD) tools/suites/libstdcxx host
	@ATOMIK_BUILD=$(BUILD) tools/suites/libstdcxx run
	@ATOMIK_BUILD=$(BUILD) tools/suites/libstdcxx report

suites-openposix: all sysroot ## the Open POSIX Test Suite on the sysroot, here and on the host: LTP_SOURCE=DIRECTORY, as root
	@test -n '$(LTP_SOURCE)' || { echo 'suites-openposix: LTP_SOURCE= names a source tree of the Linux Test Project'; exit 1; }
	@ATOMIK_BUILD=$(BUILD) tools/suites/openposix build '$(LTP_SOURCE)'
	@ATOMIK_BUILD=$(BUILD) tools/suites/openposix glibc
	@ATOMIK_BUILD=$(BUILD) tools/suites/openposix host
	@ATOMIK_BUILD=$(BUILD) tools/suites/openposix run
	@ATOMIK_BUILD=$(BUILD) tools/suites/openposix report
