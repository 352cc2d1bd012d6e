# SPDX-License-Identifier: MIT
# A native program that checks libatomik from within the system; run from a share, not in the image.
$(call native-program,native-check,tests/system/native/native-check.c)
