/* SPDX-License-Identifier: MIT */
/*
 * Unpacking of DEFLATE data (RFC 1951, without zlib's or gzip's frame). All of the input and all of
 * the output are in memory, so the output is the window. Any input is safe: what is broken gives an
 * error, never an access outside either buffer.
 */
#ifndef ARCHIVE_INFLATE_H
#define ARCHIVE_INFLATE_H

#include <atomik/types.h>

/*
 * Unpack to exactly `length` bytes at `to`, which must hold zeros: runs of zeros are not written, so
 * that pages of nothing else are never touched. INVALID_ARGUMENT: the data are broken, or another
 * length comes out.
 */
status_t inflate(const void *packed, size_t packed_length, void *to, size_t length);

#endif
