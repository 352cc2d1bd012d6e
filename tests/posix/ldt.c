/* SPDX-License-Identifier: MIT */
/* The local descriptor table: written, used, read, inherited by fork. */
#include "show.h"

#include <asm/ldt.h>

#define ENTRIES 8
static uint32_t words[ENTRIES * 2];

static void modify(const char *text, int function, void *data, unsigned size)
{
    show_result(text, syscall(SYS_modify_ldt, function, data, size));
}

static void read_all(const char *text, unsigned size)
{
    memset(words, 0xee, sizeof words);
    modify(text, 0, words, size);
    for (unsigned i = 0; i < ENTRIES; i++)
        say("  %u: %08x %08x", i, words[2 * i], words[2 * i + 1]);
}

static struct user_desc data_segment(unsigned entry, uint32_t base)
{
    return (struct user_desc){
        .entry_number = entry, .base_addr = base, .limit = 0xfff, .seg_32bit = 1, .useable = 1};
}

/* The first word of the segment. */
static uint32_t look(unsigned entry)
{
    uint32_t value;
    __asm__ volatile("pushl %%fs\n\tmovw %w1, %%fs\n\tmovl %%fs:0, %0\n\tpopl %%fs"
                     : "=&r"(value)
                     : "r"(entry << 3 | 7));
    return value;
}

int main(void)
{
    uint32_t *low = mmap((void *)0x10000000, 4096, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    *low = 0x12345678;
    read_all("before", sizeof words);
    struct user_desc segment = data_segment(3, (uint32_t)low);
    modify("write", 0x11, &segment, sizeof segment);
    say("value: %x", look(3));
    read_all("one entry", sizeof words);
    read_all("a part", 28);
    read_all("nothing", 0);
    struct user_desc old = data_segment(1, 0x10000800);
    modify("old", 1, &old, sizeof old);
    read_all("two entries", sizeof words);
    pid_t child = need(fork());
    if (child == 0) {
        *low = 0x55;
        say("child: %x", look(3));
        read_all("child", sizeof words);
        _exit(0);
    }
    need(waitpid(child, NULL, 0));
    segment = (struct user_desc){.entry_number = 3, .read_exec_only = 1, .seg_not_present = 1};
    modify("clear", 0x11, &segment, sizeof segment);
    read_all("cleared", sizeof words);
    segment.entry_number = 8192;
    modify("entry 8192", 0x11, &segment, sizeof segment);
    modify("size", 0x11, &segment, 4);
    modify("function 7", 7, &segment, sizeof segment);
    modify("bad address", 0, (void *)16, sizeof words);
    return 0;
}
