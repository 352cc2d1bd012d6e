# SPDX-License-Identifier: MIT
# A root file system of Debian's packages in build/debian, for ./atomik --root build/debian.

DEBIAN_TOOLS := tools/packages/debian-root tools/packages/debian_configure.py tools/packages/private_apt.py
$(BUILD)/debian.stamp: tools/packages/debian.txt tools/packages/debian.lock $(DEBIAN_TOOLS)
	@echo '  unpacking Debian packages into $(BUILD)/debian (130 MB to fetch; about a minute, once)'
	@$(PYTHON) tools/packages/debian-root $(BUILD) $(BUILD)/debian
	@touch $@

.PHONY: debian-root
debian-root: $(BUILD)/debian.stamp ## unpack a Debian i386 root in build/debian, for ./atomik --root

# The same as an ext4 image. Of an ordinary user's files, root is the owner in there.
DEBIAN_IMAGE_SIZE := 2G
$(BUILD)/debian.img: $(BUILD)/debian.stamp
	$(call say,MKE2FS,$@)
	$(Q)rm -f $@.new
	$(Q)PATH=$$PATH:/sbin:/usr/sbin; [ $$(id -u) = 0 ] || mapped='unshare -r'; \
	    $$mapped mke2fs -q -t ext4 -L atomik -d $(BUILD)/debian $@.new $(DEBIAN_IMAGE_SIZE) >/dev/null
	$(Q)mv $@.new $@

.PHONY: debian-image
debian-image: $(BUILD)/debian.img ## the Debian root as a disk image, for ./atomik --root
