# SPDX-License-Identifier: MIT
$(call native-program,extfs,$(wildcard servers/extfs/*.c lib/ext/*.c))
MANIFEST_UNIX += servers/extfs/unix.manifest
