# SPDX-License-Identifier: MIT
$(call native-program,ramdisk,drivers/block/ram/main.c)
MANIFEST_UNIX += drivers/block/ram/unix.manifest
