# SPDX-License-Identifier: MIT
# The NT personality server. Its NT and PE definitions are those of Wine's headers; wchar_t is NT's WCHAR.
NT_SRCS := $(wildcard personalities/nt/*.c)
NT_OBJS := $(NT_SRCS:%.c=$(BUILD)/server/%.o)
NT_WINE := $(BUILD)/packages/libwine-dev/usr/include/wine/wine/windows
$(NT_OBJS): SERVER_CFLAGS += -fshort-wchar -isystem $(NT_WINE)
$(NT_OBJS): | $(NT_WINE)/winternl.h
$(call server-program,nt,$(NT_SRCS) $(LOADER_SRCS))
MANIFEST_WINDOWS += personalities/nt/nt.manifest
