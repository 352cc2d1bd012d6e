/* SPDX-License-Identifier: MIT */
/* What the parts of execve share: a program on its way to run. */
#ifndef POSIX_PROGRAM_H
#define POSIX_PROGRAM_H

#include <string.h>

#include "exec.h"
#include "file.h"
#include "mm.h"
#include "task.h"

#define SCRIPT_LINE 256

struct image {
    struct file *file;
    handle_t vmo;
    struct load_result loaded, interpreter;
};

struct program {
    char path[PATH_MAX]; /* of the file that is run: the interpreter of a script */
    const char *name;    /* as execve was told: AT_EXECFN, comm */
    struct string_list arguments, environment;
    struct image image;
    struct mm *mm;
    uint32_t stack;                 /* the new stack pointer */
    struct credentials credentials; /* of the new program; its groups are borrowed */
    bool secure;                    /* it runs as somebody else than its caller */
};

/* Puts strings in front of the list, in place of its first `dropped`. 0 or -ENOMEM. */
int string_list_prepend(struct string_list *list, uint32_t dropped, const char *const *strings,
                        uint32_t count);
/* Pointers to its strings and NULL, to be released; NULL: no memory. */
char **string_list_array(const struct string_list *list);

/* ---- program_image.c ---- */
/* Opens the file at program->path, or the interpreter of a script. -errno. */
int program_find(struct program *program);
/* Maps it, its own interpreter and the vDSO into a new address space. -errno. */
int program_load(struct program *program);
/* Set-id bits of the file are heeded unless the process gave that up or a weaker tracer looks on. */
void program_choose_credentials(struct process *process, struct program *program);
void program_image_close(struct image *image);
int program_load_errno(status_t status);

/* ---- program_stack.c ---- */
/* The first stack of the program: arguments, environment and auxiliary vector. -errno. */
int program_build_stack(struct program *program);

/* ---- program_foreign.c ---- */
/* The personality that runs such an image; NULL: this one. */
const char *program_foreign(const struct load_result *loaded);
/* Gives the process to another personality. 0: it is the other one's now; -errno: nothing has changed. */
int program_hand_over(struct process *process, struct program *program, const char *personality);

static inline const char *program_last_component(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

#endif
