# SPDX-License-Identifier: MIT
FAT_SRCS := $(addprefix servers/fatfs/,cache.c volume.c chain.c name.c directory.c) lib/fs/fold.c
$(call native-program,fatfs,$(filter-out lib/%,$(FAT_SRCS)) $(addprefix servers/fatfs/,main.c node.c names.c data.c content.c device.c))
MANIFEST_UNIX += servers/fatfs/unix.manifest
