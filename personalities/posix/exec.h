/* SPDX-License-Identifier: MIT */
/*
 * A program about to be executed: image, arguments, and, once built, its memory. The same steps
 * serve execve and a start that another personality asks for:
 *
 *   (fill in path, args, envs)  ->  program_resolve  ->  program_build  ->  program_enter
 */
#ifndef POSIX_EXEC_H
#define POSIX_EXEC_H

#include "core.h"
#include "file.h"
#include "task.h"

#define ARGUMENTS_MAX (2u << 20) /* bytes of all strings */

struct program {
    char *path;                /* as given; a script's interpreter after program_resolve */
    struct file *file;         /* the image; NULL until resolved */
    struct text args, envs;    /* strings, each with its NUL */
    uint32_t argc, envc;
    char personality[16];      /* who runs it; "posix": we do; "": init decides */
    struct mm *mm;
    uint32_t entry, stack;     /* where it begins */
    struct load_result image;
    uint32_t interpreter_base;
    bool traced;
};

/* Follows #! and says who runs the image: 0 or -errno. */
int program_resolve(struct program *program);
/* Loads image and interpreter into a new address space and lays out the stack. */
int program_build(struct program *program);
/* Replaces the calling thread's program. After 0 nothing of the old one is left; takes program->mm. */
int program_enter(struct program *program);
void program_free(struct program *program);
/* Hands the program to another personality in place of the calling process: 0 or -errno. */
int program_hand_over(struct program *program);

#endif
