/* SPDX-License-Identifier: MIT */
/*
 * One 9P message at a time over virtio: a request is built, sent, and its reply read. A reader over the
 * reply stays at its end; what a short reply lacks reads as zero and wire_finish says IO_ERROR.
 */
#ifndef HOSTFS_P9_WIRE_H
#define HOSTFS_P9_WIRE_H

#include "p9.h"

enum p9_type {
    TLERROR = 6,
    TSTATFS = 8,
    TLOPEN = 12,
    TLCREATE = 14,
    TSYMLINK = 16,
    TREADLINK = 22,
    TGETATTR = 24,
    TSETATTR = 26,
    TXATTRWALK = 30,
    TXATTRCREATE = 32,
    TREADDIR = 40,
    TFSYNC = 50,
    TLINK = 70,
    TMKDIR = 72,
    TRENAMEAT = 74,
    TUNLINKAT = 76,
    TVERSION = 100,
    TATTACH = 104,
    TWALK = 110,
    TREAD = 116,
    TWRITE = 118,
    TCLUNK = 120,
};

#define WIRE_SIZE_MAX (P9_DATA_MAX + 64u) /* of a message */

/* The device whose mount tag is `tag`. NO_DEVICE if there is none. */
status_t wire_connect(const char *tag);

void wire_begin(uint8_t type);
void wire_put(const void *bytes, uint32_t count);
void wire_put8(uint8_t value);
void wire_put16(uint16_t value);
void wire_put32(uint32_t value);
void wire_put64(uint64_t value);
void wire_put_string(const char *text, uint32_t length);

/* Sends the request and leaves the reply's body to the readers; the host's error if it is one. */
status_t wire_transact(void);
void wire_get(void *bytes, uint32_t count);
uint8_t wire_get8(void);
uint16_t wire_get16(void);
uint32_t wire_get32(void);
uint64_t wire_get64(void);
status_t wire_finish(void);

#endif
