# SPDX-License-Identifier: MIT
# The posix personality server. Linux's structures come from the user API headers of the cross tool chain.
POSIX_SRCS := $(wildcard personalities/posix/*.c)
$(BUILD)/server/personalities/posix/%.o: SERVER_CFLAGS += -idirafter /usr/i686-linux-gnu/include
$(call server-program,posix,$(POSIX_SRCS))
MANIFEST_UNIX += personalities/posix/unix.manifest
