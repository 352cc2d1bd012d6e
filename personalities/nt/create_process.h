/* SPDX-License-Identifier: MIT */
/* NtCreateUserProcess in three steps: read what is asked for, make the process, hand it out. */
#ifndef NT_CREATE_PROCESS_H
#define NT_CREATE_PROCESS_H

#include <personalities/nt/process.h>

/* What the caller asks for, copied from its memory. */
struct creation {
    struct call *call;
    RTL_USER_PROCESS_PARAMETERS parameters;
    struct text image_path, directory, command_line, title, desktop, shell_info;
    WCHAR *storage[6];
    void *runtime_info;
    uint32_t runtime_bytes;
    WCHAR *environment;
    uint32_t environment_bytes;
    struct text image_name; /* NT path */
    WCHAR *image_storage;
    uint32_t client_id, image_info; /* guest addresses, or 0 */
    struct nt_process *parent;      /* held: whose handles are inherited */
    struct object *file;            /* the image, held */
    uint32_t jobs[8], job_count;    /* handles */
    uint32_t *inherited;            /* handles: the only ones that may be inherited; NULL: all */
    uint32_t inherited_count;
    struct object *token; /* for the process, held, or NULL */
    struct object *debug; /* debug object for the process, held, or NULL */
    struct image *image;  /* held, of a PE */
};

/* ---- create_request.c ---- */
/* Read the parameters and attributes of the call and open the image. To be freed, whatever the answer. */
NTSTATUS creation_read(struct creation *c);
void creation_free(struct creation *c);

/* ---- create_foreign.c ---- */
/* ELF or a script: what is no PE image and not one of kernelbase's batch files. */
bool creation_is_foreign(const struct creation *c);
/* Have it started by the personality whose it is; *thread stands for it. */
NTSTATUS create_foreign(struct creation *c, struct nt_process *process, struct nt_thread **thread);

#endif
