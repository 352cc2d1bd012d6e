# SPDX-License-Identifier: MIT
# The compiler of the sysroot: wrappers of Debian's cross tools, their specs, what of libgcc programs need,
# libatomik for native programs, and libstdc++ from Debian's package gcc-12-source.

TOOLCHAIN_DIR := $(shell dirname $$($(CROSS)gcc -print-libgcc-file-name))
TOOLCHAIN_TOOLS := g++ c++ cpp cc ar as ld nm strip ranlib objcopy objdump readelf size strings addr2line \
	c++filt gcov gcc-ar gcc-nm gcc-ranlib pkg-config gdb configure
TOOLCHAIN_SHARE := $(wildcard sysroot/share/* sysroot/share/*/* sysroot/share/*/*/*)

# Everything that compiling and linking C takes besides the C library itself.
$(SYSROOT)/toolchain.stamp: $(wildcard sysroot/bin/* sysroot/toolchain/*) $(TOOLCHAIN_SHARE) $(FLAGS_STAMP)
	$(call say,TOOLS,$(SYSROOT)/bin)
	$(Q)mkdir -p $(SYSROOT)/bin $(SYSROOT)/lib/gcc $(SYSROOT)/share
	$(Q)cp sysroot/bin/i686-atomik-gcc $(SYSROOT)/bin/
	$(Q)for tool in $(TOOLCHAIN_TOOLS); do ln -sf i686-atomik-gcc $(SYSROOT)/bin/i686-atomik-$$tool; done
	$(Q)cp sysroot/toolchain/*.specs $(SYSROOT)/lib/ && cp -r sysroot/share/. $(SYSROOT)/share/
	$(Q)mkdir -p $(SYSROOT)/usr/include $(SYSROOT)/usr/lib/pkgconfig $(SYSROOT)/usr/share
	$(Q)ln -sf ../../share/config.site $(SYSROOT)/usr/share/config.site
	$(Q)rm -rf $(SYSROOT)/lib/gcc/include && cp -r $(TOOLCHAIN_DIR)/include $(SYSROOT)/lib/gcc/
	$(Q)cp $(TOOLCHAIN_DIR)/libgcc.a $(TOOLCHAIN_DIR)/libgcc_eh.a $(TOOLCHAIN_DIR)/libgcov.a \
	    $(TOOLCHAIN_DIR)/crtfastmath.o $(SYSROOT)/lib/
	$(Q)$(CROSS)gcc -std=gnu11 -O2 -Wall -Wextra -Werror -fno-pic -ffreestanding -c \
	    -o $(BUILD)/find_object.o sysroot/toolchain/find_object.c
	$(Q)$(CROSS)ar rs $(SYSROOT)/lib/libgcc_eh.a $(BUILD)/find_object.o && touch $@

# Native programs: the headers of the contract and of the library, merged as programs include them.
$(SYSROOT)/native.stamp: $(BUILD)/lib/libatomik.a $(call user_objects,native,$(LIB_CRT0)) lib/native.ld
	$(call say,NATIVE,$(SYSROOT)/native)
	$(Q)rm -rf $(SYSROOT)/native && mkdir -p $(SYSROOT)/native/include $(SYSROOT)/native/lib
	$(Q)cp -r abi/. $(SYSROOT)/native/include/
	$(Q)cd lib && find * -name '*.h' -not -path 'libc/*' -not -path 'server/*' -not -name internal.h \
	    -exec cp --parents {} $(abspath $(SYSROOT))/native/include/ \;
	$(Q)cp lib/libc/*.h $(SYSROOT)/native/include/
	$(Q)cp lib/native.ld $(BUILD)/lib/libatomik.a $(SYSROOT)/native/lib/
	$(Q)cp $(call user_objects,native,$(LIB_CRT0)) $(SYSROOT)/native/lib/crt0.o && touch $@

# libstdc++, configured as for a native compiler, so that it asks our C library what there is by linking.
# A host of Atomik's C library is an i686-atomik-elf to config.sub; three edits make it at home:
#   newlib's ctype tables; threads that are always there in a static program; the thread header's name.
CXX_WORK := $(BUILD)/cxx
CXX_SOURCE := $(BUILD)/packages/gcc-12-source/usr/src/gcc-12/gcc-12.2.0-dfsg.tar.xz

CXX_PARTS := $(addprefix gcc-12.2.0/,libstdc++-v3 libgcc include libbacktrace config libiberty gcc/BASE-VER gcc/DATESTAMP \
	gcc/DEV-PHASE install-sh config.sub config.guess ltmain.sh missing mkinstalldirs depcomp compile config-ml.in)
$(CXX_WORK)/unpacked: $(CXX_SOURCE) sysroot/toolchain/build.mk
	$(call say,UNPACK,gcc-12-source)
	$(Q)rm -rf $(CXX_WORK) && mkdir -p $(CXX_WORK)/build
	$(Q)tar -xf $(CXX_SOURCE) -C $(CXX_WORK) --strip-components=1 --exclude='*/testsuite/[0-9a-z]*' \
	    --exclude='*/libgcc/config/[a-hj-z]*' --exclude='*/libstdc++-v3/doc/[a-z]*ml' $(CXX_PARTS)
	$(Q)cd $(CXX_WORK)/libstdc++-v3 && sed -i 's,^  linux-musl\*),  elf*) os_include_dir=os/newlib ;;\n&,' configure.host
	$(Q)echo '#define _GLIBCXX_GTHREAD_USE_WEAK 0' >>$(CXX_WORK)/libstdc++-v3/config/os/newlib/os_defines.h
	$(Q)ln -s gthr-posix.h $(CXX_WORK)/libgcc/gthr-default.h && touch $@

# Built again when the C library or its headers change.
CXX_TOOL = $(abspath $(SYSROOT))/bin/i686-atomik-
$(SYSROOT)/lib/libstdc++.a: $(CXX_WORK)/unpacked $(SYSROOT)/lib/libc.a $(SYSROOT)/toolchain.stamp
	$(call say,CXX,$@)
	$(Q)rm -rf $(CXX_WORK)/build && mkdir -p $(CXX_WORK)/build
	$(Q)[ -f $@ ] || $(CROSS)ar rcs $@ # what configure links names it
	$(Q)cd $(CXX_WORK)/build && ../libstdc++-v3/configure --build=i686-atomik-elf --host=i686-atomik-elf \
	    --target=i686-atomik-elf --prefix=/ --with-gxx-include-dir=/include/c++/12 --disable-multilib --disable-shared \
	    --disable-nls --disable-libstdcxx-pch --disable-libstdcxx-verbose --enable-clocale=newlib \
	    --enable-libstdcxx-filesystem-ts=no --enable-libstdcxx-time=yes CC=$(CXX_TOOL)gcc CXX=$(CXX_TOOL)g++ AR=$(CXX_TOOL)ar \
	    RANLIB=$(CXX_TOOL)ranlib AS=$(CXX_TOOL)as LD=$(CXX_TOOL)ld NM=$(CXX_TOOL)nm STRIP=$(CXX_TOOL)strip \
	    CFLAGS='-O2 -g1' CXXFLAGS='-O2 -g1' >configure.log 2>&1 || { tail -n 20 configure.log; exit 1; }
	$(Q)$(MAKE) -C $(CXX_WORK)/build -j$(shell nproc) -s >$(CXX_WORK)/make.log 2>&1 || { \
	    grep -m 20 -E ' error: |undefined|\*\*\*' $(CXX_WORK)/make.log; exit 1; }
	$(Q)rm -rf $(SYSROOT)/include/c++ $(CXX_WORK)/installed
	$(Q)$(MAKE) -C $(CXX_WORK)/build -s install DESTDIR=$(abspath $(CXX_WORK))/installed >>$(CXX_WORK)/make.log 2>&1
	$(Q)rm -f $(CXX_WORK)/installed/lib/*.la $(CXX_WORK)/installed/lib/*.py
	$(Q)mv $(CXX_WORK)/installed/include/c++/12/i686-atomik-elf $(CXX_WORK)/installed/include/c++/12/i686-atomik
	$(Q)cp -r $(CXX_WORK)/installed/include/c++ $(SYSROOT)/include/
	$(Q)for name in stdc++ supc++; do cp $(CXX_WORK)/installed/lib/lib$$name.* $(SYSROOT)/lib/lib$$name.a; done

sysroot: $(SYSROOT)/native.stamp $(SYSROOT)/lib/libstdc++.a
ALL += $(SYSROOT)/native.stamp

.PHONY: install-sysroot
install-sysroot: sysroot ## copy the sysroot to PREFIX=directory; it works from wherever it is
	@test -n '$(PREFIX)' || { echo 'install-sysroot: PREFIX= names a directory'; exit 1; }
	@mkdir -p '$(PREFIX)' && cp -a $(SYSROOT)/. '$(PREFIX)'/
	@echo 'PATH=$(PREFIX)/bin:$$PATH makes i686-atomik-gcc and the other tools known'
