# SPDX-License-Identifier: MIT
ISO_SRCS := $(wildcard lib/iso/*.c)
$(call native-program,isofs,$(wildcard servers/isofs/*.c) $(ISO_SRCS))
MANIFEST_UNIX += servers/isofs/unix.manifest
