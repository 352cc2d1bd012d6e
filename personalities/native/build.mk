# SPDX-License-Identifier: MIT
NATIVE_SRCS := $(wildcard personalities/native/*.c)
$(call native-program,native,$(NATIVE_SRCS))
$(call native-program,hello-native,personalities/native/programs/hello-native.c)
$(call native-program,atop,personalities/native/programs/atop.c)
$(call native-program,atrace,personalities/native/programs/atrace.c)
MANIFEST_UNIX += personalities/native/unix.manifest
