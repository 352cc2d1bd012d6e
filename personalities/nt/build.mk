# SPDX-License-Identifier: MIT
# The NT personality server. Its NT and PE definitions are those of Wine's headers; wchar_t is NT's WCHAR.
NT_SRCS := $(wildcard personalities/nt/*.c personalities/nt/snapshot/*.c)
NT_OBJS := $(NT_SRCS:%.c=$(BUILD)/server/%.o)
NT_WINE := $(BUILD)/packages/libwine-dev/usr/include/wine/wine/windows
$(NT_OBJS): SERVER_CFLAGS += -fshort-wchar -isystem $(NT_WINE)
$(NT_OBJS): | $(NT_WINE)/winternl.h

# The names of status codes, for the trace: STATUS_NAME(0xc0000005, ACCESS_VIOLATION)
NT_STATUS_NAMES := $(BUILD)/gen/nt/status_names.def
$(NT_STATUS_NAMES): $(NT_WINE)/ntstatus.h
	$(call say,GEN,$@)
	$(Q)mkdir -p $(@D)
	$(Q)sed -n 's/^#define STATUS_\([A-Z0-9_]*\) *((NTSTATUS) *\(0x[0-9A-Fa-f]*\)).*/STATUS_NAME(\2, \1)/p' $< \
	    | grep -v -e SEVERITY -e '(0x0000000[1-9a-fA-F],' -e '(0x000000[1-3]' >$@
$(BUILD)/server/personalities/nt/trace.o: SERVER_CFLAGS += -I$(dir $(NT_STATUS_NAMES))
$(BUILD)/server/personalities/nt/trace.o: $(NT_STATUS_NAMES)
$(call server-program,nt,$(NT_SRCS) $(LOADER_SRCS))
MANIFEST_WINDOWS += personalities/nt/nt.manifest
