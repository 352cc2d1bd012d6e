# SPDX-License-Identifier: MIT
$(call native-program,memfs,servers/memfs/main.c servers/memfs/memfs.c servers/memfs/entries.c servers/memfs/unpack.c \
	servers/memfs/packed.c servers/memfs/xattr.c)
