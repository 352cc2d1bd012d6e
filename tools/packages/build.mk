# SPDX-License-Identifier: MIT
# A root file system of Debian's packages in build/debian, for ./atomik --root build/debian.

DEBIAN_TOOLS := tools/packages/debian-root tools/packages/debian_configure.py tools/packages/private_apt.py
$(BUILD)/debian.stamp: tools/packages/debian.txt tools/packages/debian.lock $(DEBIAN_TOOLS)
	@echo '  unpacking Debian packages into $(BUILD)/debian (130 MB to fetch; about a minute, once)'
	@$(PYTHON) tools/packages/debian-root $(BUILD) $(BUILD)/debian
	@touch $@

.PHONY: debian-root
debian-root: $(BUILD)/debian.stamp ## unpack a Debian i386 root in build/debian, for ./atomik --root
