# SPDX-License-Identifier: MIT
# Constants and structures of the ABI come from the user API headers of Debian's cross tool chain; ours come first.
POSIX_SRCS := $(wildcard personalities/posix/*.c personalities/posix/snapshot/*.c)
POSIX_OBJS := $(patsubst %.c,$(BUILD)/server/%.o,$(filter personalities/%,$(POSIX_SRCS)))
$(POSIX_OBJS): SERVER_CFLAGS += -Ipersonalities/posix -idirafter /usr/i686-linux-gnu/include
$(call server-program,posix,$(POSIX_SRCS))
MANIFEST_UNIX += personalities/posix/unix.manifest
