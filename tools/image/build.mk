# SPDX-License-Identifier: MIT
# Third-party files, boot archives and the disk image.

IMAGE := $(BUILD)/atomik.img
BOOT_FILES := $(addprefix $(BUILD)/boot/,init servers.cpio unix.cpio windows.cpio selftest)
ALL += $(IMAGE) $(BOOT_FILES) $(BUILD)/kernel/atomik.elf

# Debian packages. The files of a package are newer than its stamp (tools/packages/fetch), so that a
# file is up to date as soon as it is there.
PACKAGES := busybox-static libzstd libwine libwine-dev libz-mingw-w64 linux-image-686 wine32 libc6 libgcc-s1 \
    busybox linux-source-6.1 gcc-12-source musl-dev wine

define package-rules
$(BUILD)/packages/$(1).stamp: tools/packages/packages.lock tools/packages/fetch
	$$(call say,FETCH,$(1))
	$$(Q)$$(PYTHON) tools/packages/fetch $(BUILD) $(1)
$(BUILD)/packages/$(1)/%: $(BUILD)/packages/$(1).stamp ;
endef
$(foreach package,$(PACKAGES),$(eval $(call package-rules,$(package))))

# Windows' DLLs travel without symbols and pictures: a third of the size, and they run the same.
MANIFEST_WINDOWS += tools/image/windows-more.manifest
WINE_DLLS := $(BUILD)/packages/libwine/usr/lib/i386-linux-gnu/wine/i386-windows
$(BUILD)/windows/%: $(WINE_DLLS)/% tools/image/blank-pictures tools/image/pe_resources.py
	$(call say,STRIP,$@)
	$(Q)mkdir -p $(@D) && $(MINGW)strip -o $@.new $< && tools/image/blank-pictures $@.new && mv $@.new $@

$(BUILD)/windows/zlib1.dll: $(BUILD)/packages/libz-mingw-w64/usr/i686-w64-mingw32/lib/zlib1.dll
	$(call say,STRIP,$@)
	$(Q)mkdir -p $(@D) && $(MINGW)strip -o $@ $<

# What the DLLs' own set-up would register of time zones.
ZONES_KEY := Machine\Software\Microsoft\Windows NT\CurrentVersion\Time Zones
$(BUILD)/image/zones.reg: $(WINE_DLLS)/kernelbase.dll tools/image/resource-registry tools/image/pe_resources.py
	$(call say,GEN,$@)
	$(Q)mkdir -p $(@D) && tools/image/resource-registry $< '$(ZONES_KEY)' >$@.new && mv $@.new $@

# busybox itself says which names it answers to. The links are relative: the archive may be mounted
# at /atomik.
BUSYBOX := $(BUILD)/packages/busybox-static/bin/busybox
MANIFEST_UNIX += $(BUILD)/image/busybox.manifest
$(BUILD)/image/busybox.manifest: $(BUSYBOX) tools/image/build.mk
	$(call say,GEN,$@)
	$(Q)mkdir -p $(@D) && $< --list-full >$@.list
	$(Q)sed -e '/^bin\/busybox$$/d' -e 's,^bin/.*$$,link & busybox,;t' -e 's,^usr/.*/.*$$,link & ../../bin/busybox,;t' \
	    -e 's,^.*/.*$$,link & ../bin/busybox,;t' -e 's,^.*$$,link & bin/busybox,' $@.list >$@.new
	$(Q)rm $@.list && mv $@.new $@

# An archive depends on the sources that its manifests name: that rule is generated and read.
define archive-rules
$(BUILD)/boot/$(1).deps.mk: $$(MANIFEST_$(2)) tools/mkarchive $(FLAGS_STAMP) | $(BUILD)/setup.mk
	$$(Q)mkdir -p $$(@D)
	$$(Q)$$(PYTHON) tools/mkarchive -o $(BUILD)/boot/$(1).cpio --build $(BUILD) --deps $$@ $$(MANIFEST_$(2))
$(BUILD)/boot/$(1).cpio: $$(MANIFEST_$(2)) tools/mkarchive
	$$(call say,ARCHIVE,$$@)
	$$(Q)mkdir -p $$(@D)
	$$(Q)$$(PYTHON) tools/mkarchive -o $$@ --build $(BUILD) $$(MANIFEST_$(2))
endef
FLAG_VARS += MANIFEST_UNIX MANIFEST_WINDOWS

# The disk: what runs before there is a root file system is an archive on the boot partition, the root partition
# has the rest as files. The archives stand for the sources of both.
INIT_CONF := servers/init/init.conf
$(BUILD)/boot/servers.cpio: $(BUILD)/boot/unix.cpio $(BUILD)/boot/windows.cpio
	$(call say,ARCHIVE,$@)
	$(Q)$(PYTHON) tools/mkarchive -o $@ --build $(BUILD) --only $(INIT_CONF) $(MANIFEST_UNIX) $(MANIFEST_WINDOWS)

$(IMAGE): tools/image/mkimage tools/image/root_partition.py tools/image/grub.cfg $(BUILD)/kernel/atomik.elf $(BOOT_FILES)
	$(call say,IMAGE,$@)
	$(Q)$(PYTHON) tools/mkarchive -o $(BUILD)/image/root --tree --build $(BUILD) --without $(INIT_CONF) \
	    $(MANIFEST_UNIX) $(MANIFEST_WINDOWS)
	$(Q)$(PYTHON) tools/image/mkimage -o $@ --root $(BUILD)/image/root tools/image/grub.cfg boot/atomik.elf=$(BUILD)/kernel/atomik.elf \
	    $(foreach file,$(BOOT_FILES),boot/$(notdir $(file))=$(file))
