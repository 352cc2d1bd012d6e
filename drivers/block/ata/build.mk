# SPDX-License-Identifier: MIT
$(call native-program,ata,$(addprefix drivers/block/ata/,main.c command.c transfer.c))
MANIFEST_UNIX += drivers/block/ata/unix.manifest
