# SPDX-License-Identifier: MIT
# Constants and structures of the ABI come from the user API headers of Debian's cross tool chain; ours come first.
POSIX_SRCS := $(wildcard personalities/posix/*.c personalities/posix/snapshot/*.c)
POSIX_OBJS := $(patsubst %.c,$(BUILD)/server/%.o,$(filter personalities/%,$(POSIX_SRCS)))
# A structure is copied by lib/libc's memcpy: the compiler's own loop for -march=i686 moves one word a turn.
$(POSIX_OBJS): SERVER_CFLAGS += -mmemcpy-strategy=unrolled_loop:64:noalign,libcall:-1:noalign -Ipersonalities/posix -idirafter /usr/i686-linux-gnu/include
$(call server-program,posix,$(POSIX_SRCS))
MANIFEST_UNIX += personalities/posix/unix.manifest
