# SPDX-License-Identifier: MIT
# A C++ program and its DLL, with the run-time libraries of Debian's MinGW as DLLs beside them: so they are what
# most programs for Windows that are built on Unix look like.
NT_CPP := $(BUILD)/tests/nt
NT_CXX := $(MINGW)g++-posix
NT_CXXFLAGS := -std=gnu++17 -O1 -Wall -Wextra -Werror -s
$(NT_CPP)/cplusplus.exe: tests/nt/cpp/cplusplus.cpp $(NT_CPP)/parts.dll
	$(call say,MINGW,$@)
	$(Q)mkdir -p $(@D) && $(NT_CXX) $(NT_CXXFLAGS) -o $@ $<
	$(Q)for name in libstdc++-6 libgcc_s_dw2-1 libwinpthread-1; do \
	    $(MINGW)strip -o $(@D)/$$name.dll $$($(NT_CXX) -print-file-name=$$name.dll); done
$(NT_CPP)/parts.dll: tests/nt/cpp/parts.cpp
	$(call say,MINGW,$@)
	$(Q)mkdir -p $(@D) && $(NT_CXX) $(NT_CXXFLAGS) -shared -o $@ $<
ALL += $(NT_CPP)/cplusplus.exe
