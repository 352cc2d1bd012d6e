/* SPDX-License-Identifier: MIT */
/*
 * Named pipes, and with them the anonymous ones of CreatePipe.
 *
 * An end holds the messages that it has not read yet, and the requests that wait for some. Every write
 * is a message, also where the pipe hands bytes out without regard to them. A write ends when all that
 * is queued up to its message fits the reader's quota.
 *
 * Pipes that other personalities made are kernel streams (nt_file.read_end, write_end); an end that
 * such a program gets is connected to a stream by a thread (pipe_pump.c).
 */
#ifndef NT_PIPE_H
#define NT_PIPE_H

#include <personalities/nt/file.h>
#include <personalities/nt/io.h>

#define PIPE_WRITE_MAX 0x400000u /* of one write */
#define PIPE_QUOTA     0x1000u   /* where the creator gave none */

struct pipe_message {
    struct list link;
    struct io_request *writer; /* NULL: the write has ended */
    uint32_t length, taken;
    uint8_t bytes[];
};

/* All that has one name; it lives while there is a server end. */
struct pipe_name {
    struct list link, servers; /* struct pipe_end.link */
    struct list waiters;       /* FSCTL_PIPE_WAIT */
    WCHAR *chars;
    uint32_t length;
    uint32_t type, maximum, share, in_quota, out_quota;
    int64_t default_timeout;
};

struct pipe_end {
    struct nt_file *file;   /* not held: the file owns its end */
    struct pipe_name *name; /* of servers; NULL otherwise */
    struct list link;       /* in the name */
    struct pipe_end *peer;  /* while connected */
    bool server;
    bool has_read;  /* something: then a server may impersonate its client */
    uint32_t state; /* FILE_PIPE_*_STATE */
    uint32_t type, share, maximum, read_mode, completion_mode;
    uint32_t quota, peer_quota; /* of what comes in; of what goes out */
    uint32_t peer_pid;          /* process that opened the other end */
    struct list messages;       /* to be read here */
    uint32_t queued;            /* bytes in them */
    struct list readers;        /* requests */
    struct list listeners;      /* requests of a server end */
    struct list flushers;       /* requests that wait until the peer has read all */
    struct list watchers;       /* pumps that want to hear of changes */
};

struct pipe_watcher {
    struct list link;
    handle_t event; /* of the kernel */
};

/* ---- pipe.c: ends and their connection ---- */
void pipe_closed(struct nt_file *file);
/* The state or the queue of an end has changed: pumps look. */
void pipe_notice(struct pipe_end *end);
/* Break the connection; STATUS_PIPE_DISCONNECTED also drops what was not read. */
void pipe_disconnect(struct pipe_end *end, NTSTATUS status);
bool pipe_available(const struct pipe_name *name);
struct pipe_name *pipe_find_name(struct text wanted);

/* ---- for snapshots ---- */
/* What an end and its name are, as SNAP_OBJECT_PIPE has it. */
struct pipe_record {
    uint32_t server, state, type, share, read_mode, completion_mode, quota, peer_quota;
    uint32_t in_quota, out_quota;
    int64_t default_timeout;
};
void pipe_record(const struct pipe_end *end, struct pipe_record *record);
/* An end with no peer: `name` of a server's; the record has been checked by nobody. */
NTSTATUS pipe_restore(struct text name, const struct pipe_record *record, uint32_t maximum,
                      ACCESS_MASK access, uint32_t options, struct nt_file **file);
/* Both ends are restored and belong together. */
void pipe_join(struct pipe_end *end, struct pipe_end *peer);

/* ---- pipe_io.c ---- */
NTSTATUS pipe_read(struct call *call, struct nt_file *file, const struct io_call *io,
                   uint32_t buffer, uint32_t length, uint32_t *done);
NTSTATUS pipe_write(struct call *call, struct nt_file *file, const struct io_call *io,
                    uint32_t buffer, uint32_t length, uint32_t *done);
/* The same to and from the server's memory, without waiting: how much was moved. */
uint32_t pipe_take_bytes(struct pipe_end *end, void *to, uint32_t length);
NTSTATUS pipe_put_bytes(struct pipe_end *end, const void *from, uint32_t length);
void pipe_drop_messages(struct pipe_end *end);
/* A message at the end of what waits to be read at `end`, whose writer has gone on. */
NTSTATUS pipe_append(struct pipe_end *end, const void *bytes, uint32_t length);
/* Bytes of the first messages without taking them. */
uint32_t pipe_copy_first(const struct pipe_end *end, void *to, uint32_t length);
NTSTATUS pipe_flush(struct call *call, struct nt_file *file, uint32_t status_block);

/* ---- pipe_control.c ---- */
/* A client's end that the server has disconnected: it answers nothing any more. */
bool pipe_is_cut_off(const struct nt_file *file);
void pipe_information(struct nt_file *file, FILE_PIPE_INFORMATION *info);
NTSTATUS pipe_set_information(struct nt_file *file, const FILE_PIPE_INFORMATION *info);
void pipe_local_information(struct nt_file *file, FILE_PIPE_LOCAL_INFORMATION *info);

/* ---- pipe_pump.c ---- */
/* Kernel streams that stand for the end, for a program of another personality. */
NTSTATUS pipe_streams(struct nt_file *file, handle_t *read_end, handle_t *write_end);

#endif
