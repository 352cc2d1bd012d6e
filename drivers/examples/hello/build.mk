# SPDX-License-Identifier: MIT
$(call native-program,hello-driver,drivers/examples/hello/main.c)
$(call native-program,greet,drivers/examples/hello/greet.c)
MANIFEST_UNIX += drivers/examples/hello/unix.manifest
