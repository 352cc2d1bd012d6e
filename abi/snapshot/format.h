/* SPDX-License-Identifier: MIT */
/*
 * The file format of process snapshots: an ELF32 core that stock debuggers open, with further notes
 * of owner "ATOMIK" for what a core does not hold.
 *
 *   Elf32_Ehdr                e_type ET_CORE, e_machine EM_386, no sections
 *   Elf32_Phdr[]              [0] PT_NOTE standard notes  [1] PT_NOTE own notes
 *                             PT_LOAD, by address, page aligned in the file; p_filesz 0: zeros, or
 *                             what the mapping's `content` says
 *                             SNAP_PT_BLOB: p_paddr is its id; bytes of queues and files
 *                             SNAP_PT_DIGESTS: a digest (u32) of each page of memory that has bytes, in order
 *   standard notes, own notes, memory, blobs, digests
 *
 * A delta (SNAP_FLAG_DELTA) leaves out memory that is the same in another snapshot, its base: whole pages,
 * as PT_LOADs with SNAP_LOAD_PARENT. Tools that know nothing of it see zeros there: it is made complete first.
 *
 * Rules that stock tools need (each has been tried): own note types stay clear of the known numbers,
 * since binutils goes by the number and not by the owner; the first NT_PRSTATUS is the current
 * thread; no XSTATE note; no two headers share file bytes of writable memory; fewer than 2,048
 * headers, if not more mappings than that have content; nothing compressed inside.
 *
 * An own note's descriptor is a sequence of fields {tag, flags, length, bytes, padding to 4}. A field
 * that is not known is kept; with SNAP_FIELD_MUST the snapshot cannot be restored without knowing it.
 */
#ifndef ATOMIK_SNAPSHOT_FORMAT_H
#define ATOMIK_SNAPSHOT_FORMAT_H

#include <stdint.h>

#define SNAP_MAJOR       2
#define SNAP_MINOR       1
#define SNAP_OWNER       "ATOMIK"
#define SNAP_TYPE_BASE   0x41540000u
#define SNAP_PT_BLOB     0x6041544bu
#define SNAP_PT_DIGESTS  0x6041544cu
#define SNAP_HEADERS_MAX 65000u
#define SNAP_NOTES_MAX   (32u << 20) /* bytes of one note segment */

enum snap_note_type {
#define NOTE(number, NAME, name, text) SNAP_##NAME = (number),
#define NOTE_FIELD(NOTE, tag, NAME, name, kind, text)
#include <snapshot/notes.def>
#undef NOTE
#undef NOTE_FIELD
};
enum snap_field_tag {
#define NOTE(number, NAME, name, text)
#define NOTE_FIELD(NOTE, tag, NAME, name, kind, text) SNAP_##NOTE##_##NAME = (tag),
#include <snapshot/notes.def>
#undef NOTE
#undef NOTE_FIELD
};

struct snap_field {
    uint16_t tag;
    uint8_t flags; /* enum snap_field_flags */
    uint8_t version;
    uint32_t length;
};
enum snap_field_flags { SNAP_FIELD_MUST = 1 };

enum snap_flags { SNAP_FLAG_DELTA = 1, SNAP_FLAG_EDITED = 2 };
/* `needs` of the header. */
enum snap_needs {
    SNAP_NEEDS_PARENT = 1, /* a delta is made complete before it is restored */
    SNAP_NEEDS_INET = 2,   /* not every socket is of AF_UNIX */
};
#define SNAP_NEEDS_KNOWN SNAP_NEEDS_INET

/* In p_flags of a PT_LOAD, among the bits that ELF leaves to the system. */
enum snap_load_flags {
    SNAP_LOAD_PARENT =
        1 << 20, /* without bytes: they are in the snapshot that this is a delta of */
    SNAP_LOAD_CONTINUED =
        1 << 21, /* one load with the header before it, but for where the bytes are */
};

/* Where the bytes of a mapping are that no PT_LOAD has. */
enum snap_content {
    SNAP_CONTENT_ZERO = 0, /* nowhere: they are zero */
    SNAP_CONTENT_FILE = 1, /* in the object, unchanged */
};

/*
 * One row of INTEGRITY's table. Covered are the bytes in the file. Memory has no row but a digest for each page,
 * so that a page can be verified when it is brought in.
 */
struct snap_digest {
    uint32_t kind;  /* enum snap_digest_kind */
    uint32_t index; /* of the program header, where there can be several */
    uint32_t length;
    uint32_t crc; /* CRC-32C */
};
enum snap_digest_kind {
    SNAP_DIGEST_HEADERS, /* file header and program headers */
    SNAP_DIGEST_NOTES,   /* a note segment, up to the INTEGRITY note */
    SNAP_DIGEST_PAGES,   /* the digests of the pages */
    SNAP_DIGEST_BLOB,
};
/*
 * The digest of a page: the CRC-32C of two sums {a, b} over its 64-bit words (Fletcher's, but for the exchange,
 * without which a change of the highest bit of two words would not show), both from 0 on:
 *     a = (a with its halves exchanged) + word; b = b + a
 */

/* One row of TRAPS' blob: a system call. */
struct snap_trap {
    uint64_t time; /* of its end, by the clock that deadlines are in */
    uint32_t tid, number, arguments[6];
    int32_t result;
    uint32_t reserved;
};
_Static_assert(sizeof(struct snap_trap) == 48, "struct snap_trap");

/* ---- ELF (System V ABI, chapter 4 and 5) ------------------------------------------------------- */

struct elf32_ehdr {
    uint8_t ident[16];
    uint16_t type, machine;
    uint32_t version, entry, phoff, shoff, flags;
    uint16_t ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
};
struct elf32_phdr {
    uint32_t type, offset, vaddr, paddr, filesz, memsz, flags, align;
};
struct elf32_nhdr {
    uint32_t name_size, desc_size, type;
};
_Static_assert(sizeof(struct elf32_ehdr) == 52, "Elf32_Ehdr");
_Static_assert(sizeof(struct elf32_phdr) == 32, "Elf32_Phdr");
#define ELF_ET_CORE 4
#define ELF_EM_386  3
#define ELF_PT_LOAD 1
#define ELF_PT_NOTE 4

/* ---- standard notes, as Linux i386 writes them (include/linux/elfcore.h) ------------------------- */

enum core_note_type {
    CORE_PRSTATUS = 1,
    CORE_FPREGSET = 2,
    CORE_PRPSINFO = 3,
    CORE_AUXV = 6,
    CORE_SIGINFO = 0x53494749,
    CORE_FILE = 0x46494c45,
    LINUX_386_TLS = 0x200,
    LINUX_PRXFPREG = 0x46e62b7f,
};

/* Registers of NT_PRSTATUS, in the order of struct user_regs_struct. */
struct core_registers {
    uint32_t ebx, ecx, edx, esi, edi, ebp, eax;
    uint32_t ds, es, fs, gs, orig_eax;
    uint32_t eip, cs, eflags, esp, ss;
};
struct core_time {
    uint32_t seconds, microseconds;
};
struct core_prstatus {
    uint32_t signo, code, error;
    uint16_t cursig, padding;
    uint32_t sigpend, sighold;
    uint32_t pid, ppid, pgrp, sid;
    struct core_time utime, stime, cutime, cstime;
    struct core_registers regs;
    uint32_t fpvalid;
};
_Static_assert(sizeof(struct core_prstatus) == 144, "NT_PRSTATUS");
struct core_prpsinfo {
    char state, state_name, zombie, nice;
    uint32_t flags;
    uint16_t uid, gid;
    uint32_t pid, ppid, pgrp, sid;
    char fname[16], psargs[80];
};
_Static_assert(sizeof(struct core_prpsinfo) == 124, "NT_PRPSINFO");

#endif
