# SPDX-License-Identifier: MIT
# Constants and structures of the ABI come from the user API headers of Debian's cross tool chain; ours come first.
POSIX_SRCS := $(wildcard personalities/posix/*.c)
POSIX_OBJS := $(POSIX_SRCS:%.c=$(BUILD)/server/%.o)
$(POSIX_OBJS): SERVER_CFLAGS += -idirafter /usr/i686-linux-gnu/include
$(call server-program,posix,$(POSIX_SRCS))
MANIFEST_UNIX += personalities/posix/unix.manifest
