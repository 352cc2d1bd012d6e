# SPDX-License-Identifier: MIT
# Native programs that check libatomik and block drivers from within the system; run from a share, not in the image.
$(call native-program,native-check,tests/system/native/native-check.c)
$(call native-program,block-check,tests/system/native/block-check.c)
$(call native-program,user-check,tests/system/native/user-check.c)
