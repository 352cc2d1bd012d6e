# SPDX-License-Identifier: MIT
$(call native-program,virtio-blk,drivers/block/virtio/main.c)
MANIFEST_UNIX += drivers/block/virtio/unix.manifest
