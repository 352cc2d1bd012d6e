/* SPDX-License-Identifier: MIT */
/*
 * Prints the reference pages from the tables that the code is made of, as Markdown:
 *   reference calls | errors | fs | tty | init | console | nt | posix
 */
#include <stdio.h>
#include <string.h>

#define TYPE(text)              "`" #text "` "
#define IN(word, kind, name)    "`" #kind " " #name "` "
#define OUT(word, type, name)   "`out " #type " " #name "` "
#define INOUT(word, type, name) "`in out " #type " " #name "` "
#define BUFIN(word, name)       "`in " #name "[]` "
#define BUFOUT(word, name)      "`out " #name "[]` "

static void print_calls(void)
{
    puts("# Kernel calls\n\n| no. | call | arguments | what it does |\n|---:|---|---|---|");
#define SYSCALL(number, name, arguments, text) \
    printf("| %d | `%s` | %s| %s |\n", number, #name, "" arguments, text);
#include <atomik/calls.def>
#undef SYSCALL
}

static void print_errors(void)
{
    puts("# Errors\n\n| code | name | errno | NTSTATUS | text |\n|---:|---|---:|---|---|");
#define ERROR(code, name, errno_value, ntstatus, text)                           \
    printf("| %d | `ERR_%s` | %d | `0x%08X` | %s |\n", code, #name, errno_value, \
           (unsigned)ntstatus, text);
#include <atomik/errors.def>
#undef ERROR
}

#define FIELD(type, name) "`" #type " " #name "` "
#define NO_FIELDS         ""
#define MESSAGE(number, name, request, reply, text) \
    printf("| 0x%x | `%s` | %s| %s| %s |\n", number, #name, request, reply, text);
#define PROTOCOL_HEAD "| label | message | request | reply | meaning |\n|---:|---|---|---|---|"

static void print_fs(void)
{
    puts("# File system protocol\n\n" PROTOCOL_HEAD);
#include <protocols/fs.def>
}

static void print_tty(void)
{
    puts("# Terminal protocol\n\n" PROTOCOL_HEAD);
#include <protocols/tty.def>
}

static void print_init(void)
{
    puts("# Protocol of init\n\n" PROTOCOL_HEAD);
#include <protocols/init.def>
}

static void print_console(void)
{
    puts("# Console driver protocol\n\n" PROTOCOL_HEAD);
#include <protocols/console.def>
}

static void print_block(void)
{
    puts("# Block driver protocol\n\n" PROTOCOL_HEAD);
#include <protocols/block.def>
}

static void print_restorer(void)
{
    puts("# Restorer protocol\n\n" PROTOCOL_HEAD);
#include <protocols/restorer.def>
}

static void print_hello(void)
{
    puts("# Example driver's protocol\n\n" PROTOCOL_HEAD);
#include <protocols/hello.def>
}

/* The calls of ntdll.dll and win32u.dll; those that are not there are added by the makefile. */
/* What the Unix personality does with each Linux system call. */
static void print_posix(void)
{
    unsigned full = 0, partial = 0, none = 0;
    puts("# Unix system calls\n\n| no. | call | support | |\n|---:|---|---|---|");
#define FULL          NULL
#define PARTIAL(what) what
#define A(word, kind, name)
#define SYSCALL(number, name, handler, arguments, support, text)                             \
    {                                                                                        \
        const char *missing = support;                                                       \
        missing ? partial++ : full++;                                                        \
        printf("| %d | `%s` | %s%s | %s |\n", number, #name, missing ? "partial: " : "full", \
               missing ? missing : "", text);                                                \
    }
#define MISSING(number, name, error, text) \
    none++, printf("| %d | `%s` | none: %s | %s |\n", number, #name, #error, text);
#include <personalities/posix/syscalls.def>
#undef FULL
#undef PARTIAL
#undef A
#undef SYSCALL
#undef MISSING
    printf("\n%u calls in full, %u in part, %u refused.\n", full, partial, none);
}

static void print_nt(void)
{
    unsigned full = 0, partial = 0, none = 0;
    enum { FULL, PARTIAL, NONE };
    static const char *const words[] = {"full", "partial", "none"};
    puts("# System calls of the NT personality\n\n| call | support | what is missing "
         "|\n|---|---|---|");
#define NTCALL(name, handler, arguments, support, text)          \
    printf("| `%s` | %s | %s |\n", #name, words[support], text); \
    full += support == FULL, partial += support == PARTIAL, none += support == NONE;
#include <personalities/nt/syscalls.def>
#undef NTCALL
    printf("\n%u calls are complete, %u are not quite, %u give a fixed answer.\n", full, partial,
           none);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*print)(void);
    } pages[] = {{"calls", print_calls}, {"errors", print_errors}, {"fs", print_fs},
                 {"tty", print_tty},     {"init", print_init},     {"console", print_console},
                 {"hello", print_hello}, {"block", print_block},   {"restorer", print_restorer},
                 {"nt", print_nt},       {"posix", print_posix}};
    for (unsigned i = 0; argc == 2 && i < sizeof pages / sizeof pages[0]; i++) {
        if (strcmp(argv[1], pages[i].name) == 0) {
            pages[i].print();
            return 0;
        }
    }
    fprintf(stderr,
            "usage: reference calls|errors|fs|tty|init|console|block|restorer|nt|posix|hello\n");
    return 2;
}
