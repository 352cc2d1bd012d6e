/* SPDX-License-Identifier: MIT */
/* From the first stack of a program to main. */
#include <stdlib.h>

extern char **environ; /* newlib defines it */

extern void __libc_init_array(void);
extern void __libc_fini_array(void);

void __attribute__((noreturn))
__atomik_start(long *stack, int (*main)(int argc, char **argv, char **envp));

void __atomik_start(long *stack, int (*main)(int argc, char **argv, char **envp))
{
    int argc = (int)stack[0];
    char **argv = (char **)(stack + 1);
    environ = argv + argc + 1;
    atexit(__libc_fini_array);
    __libc_init_array();
    exit(main(argc, argv, environ));
}
