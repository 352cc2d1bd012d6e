/* SPDX-License-Identifier: MIT */
/* What a job keeps, for the files that act on it (job.c) and answer questions about it (job_calls.c). */
#ifndef NT_JOB_STATE_H
#define NT_JOB_STATE_H

#include <personalities/nt/job.h>

struct job {
    struct object object;
    struct job *parent;                 /* held, or NULL */
    struct list children, link;         /* job.link; in the parent */
    struct list processes;              /* nt_process.job_link */
    uint32_t active, total, terminated; /* processes, with those of children */
    uint64_t cpu_time;                  /* of processes that have ended, ns */
    JOBOBJECT_EXTENDED_LIMIT_INFORMATION limits;
    uint32_t ui_restrictions;
    struct object *port; /* held, or NULL */
    uint32_t port_key;
    bool terminating, signaled;
};

static inline struct job *job_of(struct object *object)
{
    return container_of(object, struct job, object);
}

struct job *job_new(void); /* NULL: no memory */
/* End all its processes, and those of the jobs in it. */
void job_terminate(struct job *job, uint32_t code);
bool job_descends(const struct job *job, const struct job *ancestor);
/* A message to the completion port of the job, if it has one. */
void job_post(struct job *job, uint32_t message, uint32_t value);

#endif
