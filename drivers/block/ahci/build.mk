# SPDX-License-Identifier: MIT
$(call native-program,ahci,$(addprefix drivers/block/ahci/,main.c command.c transfer.c))
MANIFEST_UNIX += drivers/block/ahci/unix.manifest
