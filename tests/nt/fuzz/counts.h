/* SPDX-License-Identifier: MIT */
/*
 * How many objects of each type the system has, before and after something that must leave none behind.
 * Objects go a moment after the process that had them: the comparison is tried again for some seconds.
 */
#ifndef TESTS_NT_FUZZ_COUNTS_H
#define TESTS_NT_FUZZ_COUNTS_H

#define WIN32_LEAN_AND_MEAN
#include <windows.h>

#include <winternl.h>

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define COUNT_TYPES 32
#define COUNT_TRIES 50 /* of 100 ms */

struct counts {
    unsigned types;
    struct {
        char name[24];
        unsigned objects, handles;
    } type[COUNT_TYPES];
};

struct count_record {
    UNICODE_STRING name;
    ULONG objects, handles;
    ULONG rest[20];
};

static inline struct counts counts_now(void)
{
    static ULONG buffer[4096];
    struct counts counts = {0};
    const char *at = (const char *)(buffer + 1);
    if (NtQueryObject(NULL, 3 /* all types */, buffer, sizeof buffer, NULL))
        return counts;
    for (ULONG i = 0; i < buffer[0] && i < COUNT_TYPES; i++) {
        const struct count_record *record = (const struct count_record *)at;
        for (unsigned c = 0; c < record->name.Length / 2u && c < 23; c++)
            counts.type[i].name[c] = (char)record->name.Buffer[c];
        counts.type[i].objects = record->objects;
        counts.type[i].handles = record->handles;
        counts.types++;
        at = (const char *)record->name.Buffer + ((record->name.MaximumLength + 3u) & ~3u);
    }
    return counts;
}

/* Types that there are more of than before; say: print them. */
static inline unsigned counts_grown(const struct counts *before, const struct counts *now, int say)
{
    unsigned grown = 0;
    for (unsigned i = 0; i < now->types; i++) {
        unsigned objects = 0, handles = 0;
        for (unsigned k = 0; k < before->types; k++)
            if (strcmp(before->type[k].name, now->type[i].name) == 0) {
                objects = before->type[k].objects;
                handles = before->type[k].handles;
            }
        if (now->type[i].objects <= objects && now->type[i].handles <= handles)
            continue;
        grown++;
        if (say)
            printf("left: %s %+d objects, %+d handles\n", now->type[i].name,
                   (int)(now->type[i].objects - objects), (int)(now->type[i].handles - handles));
    }
    return grown;
}

/* 0: everything is as it was. */
static inline unsigned counts_compare(const struct counts *before)
{
    struct counts now = {0};
    for (unsigned try = 0; try < COUNT_TRIES; try++) {
        now = counts_now();
        if (counts_grown(before, &now, 0) == 0)
            return 0;
        Sleep(100);
    }
    return counts_grown(before, &now, 1);
}

#endif
