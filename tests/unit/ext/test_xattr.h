/* SPDX-License-Identifier: MIT */
/* The tests of test_xattr.c, which test_ext.c runs. */
#ifndef TEST_EXT_XATTR_H
#define TEST_EXT_XATTR_H

void attributes_are_what_was_set(void **state);

#endif
