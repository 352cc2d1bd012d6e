/* SPDX-License-Identifier: MIT */
/* The minidump format of Windows (minidumpapiset.h), as far as `snap export` writes it. */
#ifndef SNAP_MINIDUMP_H
#define SNAP_MINIDUMP_H

#include <stdint.h>

#define MINIDUMP_SIGNATURE   0x504d444du /* MDMP */
#define MINIDUMP_VERSION     0xa793u
#define MINIDUMP_FULL_MEMORY 2u
#define MINIDUMP_CONTEXT     0x1003fu /* CONTEXT_ALL of i386 */

enum minidump_stream {
    MINIDUMP_THREAD_LIST = 3,
    MINIDUMP_MODULE_LIST = 4,
    MINIDUMP_EXCEPTION = 6,
    MINIDUMP_SYSTEM_INFO = 7,
    MINIDUMP_MEMORY64_LIST = 9,
    MINIDUMP_MISC_INFO = 15,
};

struct minidump_header {
    uint32_t signature, version, streams, directory, checksum, time;
    uint64_t flags;
};
struct minidump_location {
    uint32_t size, offset;
};
struct minidump_directory {
    uint32_t type;
    struct minidump_location location;
};
struct minidump_system_info {
    uint16_t architecture, level, revision;
    uint8_t processors, product;
    uint32_t major, minor, build, platform, service_pack;
    uint16_t suite, reserved;
    uint32_t vendor[3], version, features, amd_features;
};
struct minidump_thread {
    uint32_t id, suspend_count, priority_class, priority;
    uint64_t teb, stack;
    struct minidump_location stack_bytes, context;
};
struct __attribute__((packed)) minidump_module {
    uint64_t base;
    uint32_t size, checksum, time, name;
    uint32_t version[13];
    struct minidump_location codeview, misc;
    uint64_t reserved[2];
};
struct minidump_exception {
    uint32_t thread, alignment, code, flags;
    uint64_t record, address;
    uint32_t parameters, alignment2;
    uint64_t information[15];
    struct minidump_location context;
};
struct minidump_memory64 {
    uint64_t start, size;
};
struct minidump_misc_info {
    uint32_t size, flags, pid, created, user_time, kernel_time;
};
/* CONTEXT of i386. */
struct minidump_context {
    uint32_t flags, dr[6];
    uint8_t legacy_fpu[112];
    uint32_t gs, fs, es, ds, edi, esi, ebx, edx, ecx, eax, ebp, eip, cs, eflags, esp, ss;
    uint8_t fxsave[512];
};
_Static_assert(sizeof(struct minidump_header) == 32, "MINIDUMP_HEADER");
_Static_assert(sizeof(struct minidump_system_info) == 56, "MINIDUMP_SYSTEM_INFO");
_Static_assert(sizeof(struct minidump_thread) == 48, "MINIDUMP_THREAD");
_Static_assert(sizeof(struct minidump_module) == 108, "MINIDUMP_MODULE");
_Static_assert(sizeof(struct minidump_exception) == 168, "MINIDUMP_EXCEPTION_STREAM");
_Static_assert(sizeof(struct minidump_context) == 716, "CONTEXT");

#endif
