/* SPDX-License-Identifier: MIT */
/* Use a file system that may be damaged in all ways: nothing must happen but errors. */
#ifndef TEST_EXT_EXERCISE_H
#define TEST_EXT_EXERCISE_H

#include <ext/ext.h>

/* Mounts, reads all there is up to a limit, changes things, and unmounts. */
void exercise_image(const struct ext_device *device);

#endif
