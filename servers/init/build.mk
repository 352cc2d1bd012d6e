# SPDX-License-Identifier: MIT
$(call native-program,init,$(addprefix servers/init/,main.c names.c registry.c registry_calls.c events.c questions.c start.c image.c services.c service_words.c consoles.c mounts.c filesystems.c config.c boot_files.c power.c announce.c) $(LOADER_SRCS))

# The copy that the boot loader passes to the kernel.
$(BUILD)/boot/init: $(BUILD)/bin/init
	@mkdir -p $(@D)
	$(Q)cp $< $@

MANIFEST_UNIX += servers/init/services.manifest
