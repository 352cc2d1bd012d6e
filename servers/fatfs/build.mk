# SPDX-License-Identifier: MIT
FAT_SRCS := $(addprefix servers/fatfs/,cache.c volume.c chain.c name.c directory.c)
$(call native-program,fatfs,$(FAT_SRCS) $(addprefix servers/fatfs/,main.c node.c names.c data.c device.c))
MANIFEST_UNIX += servers/fatfs/unix.manifest
