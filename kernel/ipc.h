/* SPDX-License-Identifier: MIT */
/*
 * What the files of the object layer offer one another: ports, frames of guests, boot, privileges.
 * Nothing here is for memory or arch code.
 */
#ifndef KERNEL_IPC_H
#define KERNEL_IPC_H

#include <kernel/memory.h>
#include <kernel/object.h>
#include <kernel/thread.h>

/* ---- port.c ---- */
/* The fixed part of struct message, for code that has no room for the data. */
struct message_header {
    uint32_t label, badge, token, principal;
    uint16_t size, handle_count;
    uint32_t reserved;
    handle_t handles[MESSAGE_HANDLES];
};
_Static_assert(sizeof(struct message_header) == MESSAGE_HEADER, "message header layout");
_Static_assert(offsetof(struct message, handles) == offsetof(struct message_header, handles),
               "message header layout");

struct port;
/* Reads the fixed part of a message and checks its sizes: BAD_ADDRESS, TOO_LARGE. */
status_t message_read_header(struct message_header *header, user_t from);
status_t port_new(struct process *owner, struct object **result);
/* A caller's handle object with this badge. ALREADY_EXISTS. */
status_t port_new_badge(struct object *port, uint32_t badge, struct process *owner,
                        struct object **result);
bool port_is_receiver(const struct object *object); /* not a badge */
/* The receiving side of a port handle of the caller. */
status_t port_get_receiver(handle_t handle, struct object **port);
uint32_t port_badge_of(const struct object *object); /* 0 for the port itself */
uint32_t port_identity(const struct object *object); /* object id that handle_info tells */
/* `target`: the port or one of its badges. `message`: request in, reply out. */
status_t port_call(struct object *target, user_t message, ktime_t deadline, bool interruptible);
status_t port_receive(struct object *port, user_t message, ktime_t deadline);
status_t port_reply(struct object *port, uint32_t token, const struct message_header *header,
                    user_t message);
/* A call by the kernel on behalf of the current thread, without handles; not interruptible. */
status_t port_call_kernel(struct object *target, uint32_t label, const void *data, uint32_t size,
                          void *reply, uint32_t reply_size);
/* The objects that are paged by this port; and: one of them has something to tell, or nothing any more. */
struct pager_group *port_pagers(struct object *port);
void port_notify(struct object *port, struct port_item *item);
void port_unnotify(struct object *port, struct port_item *item);
/* Closes the handles that a message names; for messages that nobody will get. */
void port_close_message_handles(const struct message_header *header);
void port_thread_end(struct thread *thread);

/* ---- calls_guest.c ---- */
void guest_thread_end(struct thread *thread);

/* ---- ioports.c ---- */
#define IOPORT_BITMAP_PAGES 2
void ioports_drop_bitmap(struct process *process);

/* ---- process.c ---- */
bool privilege_range(const struct io_range ranges[PRIVILEGE_RANGES], uint32_t first,
                     uint32_t count);

/* ---- boot.c ---- */
void boot_process_finished(const struct process *process); /* panics if it was init */
/* Wraps the boot modules as VMOs, on first use. NULL: no such module. */
struct vmo *boot_module(uint32_t index);
/* A process with all privileges, running a native program on a small stack; one reference. */
status_t boot_start_program(const char *name, struct vmo *image, struct process **result);

#endif
