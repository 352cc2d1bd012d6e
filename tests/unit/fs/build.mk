# SPDX-License-Identifier: MIT
# File systems on the host: archive reader, lib/fs, memfs and the client of the protocol, in one
# process with a pretend kernel and with sanitizers.
UNIT_FS := $(BUILD)/unit/fs
UNIT_FS_SRCS := $(wildcard tests/unit/fs/*.c) $(filter-out lib/fs/content.c lib/fs/holders.c,$(wildcard lib/fs/*.c)) \
	lib/archive/cpio.c lib/archive/inflate.c $(addprefix servers/memfs/,memfs.c entries.c unpack.c xattr.c) \
	lib/ipc/call.c lib/ipc/fsclient.c lib/ipc/fsnode.c lib/ipc/listing.c lib/service/loop.c \
	lib/atomik/status.c lib/atomik/time.c lib/atomik/log.c
UNIT_TARGETS += unit-fs

$(UNIT_FS): $(UNIT_FS_SRCS) $(wildcard tests/unit/fs/*.h lib/*/*.h servers/memfs/*.h abi/*/*) $(FLAGS_STAMP)
	$(call say,HOSTCC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(HOSTCC) -std=gnu11 -O1 -g -Wall -Wextra -Werror -fsanitize=address,undefined \
	    -fno-sanitize-recover=undefined -I. -Iabi -Ilib -Iservers/memfs -o $@ $(UNIT_FS_SRCS) -lcmocka

.PHONY: unit-fs
unit-fs: $(UNIT_FS)
	$(Q)$(UNIT_FS)
