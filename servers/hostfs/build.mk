# SPDX-License-Identifier: MIT
$(call native-program,hostfs,$(addprefix servers/hostfs/,main.c node.c names.c entries.c content.c copy.c owner.c p9.c p9_wire.c xattr.c))
