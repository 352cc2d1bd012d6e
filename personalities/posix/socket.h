/* SPDX-License-Identifier: MIT */
/*
 * Sockets. What all families have in common is here: a socket has a queue of messages that came for it;
 * sending puts one into the receiver's queue and charges it to the sender until it has been taken. What
 * a family does its own way is in its struct socket_family; nobody else asks which one a socket is of.
 * All state is guarded by the server lock; `reading` is held by the one thread that copies out of the queue.
 *
 * References to a struct socket: its open file, a peer's pointer, messages that it sent, a
 * listener's queue of connections. `closed` says that the file is gone.
 *
 *   socket.c       life, file operations, the calls that make sockets
 *   sockname.c     AF_UNIX: addresses and what is bound to them; the calls on addresses
 *   sockinet.c     AF_INET, within the machine
 *   sockif.c       network interfaces
 *   sockconnect.c  listen, connect, accept, shutdown
 *   sockdata.c     sending and receiving
 *   sockcontrol.c  descriptors and credentials that travel with data
 *   sockcalls.c    the system calls on data
 *   sockopt.c      options
 *   sockrelay.c    sockets that programs of other personalities inherit
 *   sockcollect.c  sockets that only sockets in flight refer to
 */
#ifndef POSIX_SOCKET_H
#define POSIX_SOCKET_H

#include "core.h"
#include "file.h"
#include "ready.h"

#define AF_UNIX 1
#define AF_INET 2

#define SOCK_RAW 3

#define SHUT_READ  1u
#define SHUT_WRITE 2u
#define SHUT_BOTH  3u

#define SOCKET_PATH_MAX   108u
#define SOCKET_ADDR_MAX   (2 + SOCKET_PATH_MAX)
#define SOCKET_BUFFER     212992u /* default and, but for root, greatest size of a buffer */
#define SOCKET_BUFFER_MIN 4608u
#define SOCKET_OVERHEAD   256u /* charged for a message besides its data */
#define SOCKET_CHUNK      32768u
#define SOCKET_BACKLOG    4096u
#define SOCKET_QUEUE      10u /* datagrams that wait at a socket that is not connected to the sender */
#define SCM_FILES_MAX     253u

/* Message flags; values of Linux. */
enum message_flags {
    MESSAGE_OOB = 1,
    MESSAGE_PEEK = 2,
    MESSAGE_CTRUNC = 8,
    MESSAGE_TRUNC = 0x20,
    MESSAGE_DONTWAIT = 0x40,
    MESSAGE_EOR = 0x80,
    MESSAGE_WAITALL = 0x100,
    MESSAGE_ERRQUEUE = 0x2000,
    MESSAGE_NOSIGNAL = 0x4000,
    MESSAGE_WAITFORONE = 0x10000,
    MESSAGE_CLOEXEC = 0x40000000,
};

#define PROTOCOL_TCP  6u
#define INET_LEVELS   2u /* IPPROTO_IP, IPPROTO_TCP */
#define INET_OPTIONS  24u
#define INET_ENDPOINT 6u /* bytes of a port and an address */
#define INET_LENGTH   16u

struct socket_address {
    uint32_t length; /* with the family; 0 or 2: no name */
    uint16_t family;
    char path[SOCKET_PATH_MAX + 2]; /* abstract names begin with a NUL */
} __attribute__((packed, aligned(4)));

struct socket_credentials {
    uint32_t pid, uid, gid;
};

/* What travels with data besides the data. */
struct socket_control {
    struct socket_credentials credentials;
    bool has_credentials;
    uint32_t file_count;
    struct file **files; /* references; NULL if none */
};

struct socket_message {
    struct list link;
    struct socket *from;   /* a reference; charged */
    struct socket *opened; /* in a listener's queue: the connection, a reference; else NULL */
    struct socket_control control;
    struct socket_address *name; /* of the sender, or NULL */
    uint64_t time;
    uint32_t length, taken, charge;
    uint8_t data[];
};

struct socket;

/* What differs between families. Functions return 0 or -errno, and are called without the lock but for those marked. */
struct socket_family {
    uint32_t domain;
    bool pairs;            /* socketpair makes two */
    bool carries_files;    /* descriptors travel with data */
    bool names_itself;     /* a socket without an address gets one to listen, connect or send */
    bool names_in_streams; /* who receives from a connection is told its other end's address */
    /* a sender neither waits for room nor learns at once that nobody is there */
    bool loses_datagrams;
    /* -errno of a stream without a connection, of a datagram to nobody, of an unknown option */
    int unconnected_read, unconnected_write, unconnected_shutdown, no_destination, no_option;
    /* -errno of a read of urgent data, of errors; 0: such a flag means nothing */
    int no_urgent, no_errors;
    bool ignores_destination;                      /* of what is sent through a connection */
    uint32_t datagram_max;                         /* bytes of one; 0: what the buffer holds */
    const struct socket_address *no_address;       /* what a socket without a name says */
    int (*type)(uint32_t kind, uint32_t protocol); /* of a new socket */
    void (*begin)(struct socket *socket);          /* or NULL */
    uint32_t (*protocol)(const struct socket *socket);
    int (*check_name)(
        const struct socket_address *address); /* may one be called so? NULL: any name */
    int (*bind)(struct socket *socket, const struct socket_address *address);
    /* An address that nobody has; `any`: one that listens to all of the machine's. */
    int (*autobind)(struct socket *socket, bool any);
    /* The socket bound to an address, with a reference. */
    int (*find)(const struct socket *socket, const struct socket_address *address,
                struct socket **found);
    int (*connect_datagram)(struct socket *socket, const struct socket_address *address);
    void (*settle)(struct socket_address *address); /* as others see it; NULL: as it is */
    /* Whether a datagram is lost; lock held. NULL: none is. */
    bool (*loses)(const struct socket *from, const struct socket *to);
    /* The place of a value of an option that is not SOL_SOCKET's, NULL: there is none. NULL: none at all. */
    uint32_t *(*option)(struct socket *socket, uint32_t level, uint32_t option);
};
extern const struct socket_family unix_family, inet_family;
const struct socket_family *socket_family(uint32_t domain); /* NULL: not supported */

enum socket_state { SOCKET_UNCONNECTED, SOCKET_LISTENING, SOCKET_CONNECTED };

struct socket {
    struct list link; /* all sockets */
    uint32_t references, ino;
    struct file *file; /* not a reference; NULL: not accepted yet, or closed */
    const struct socket_family *family;
    uint32_t type;
    enum socket_state state;
    uint32_t shutdown; /* SHUT_* */
    uint32_t error;    /* told once */
    bool closed, reading;
    struct socket *peer;   /* a reference */
    struct list peer_link; /* in peer->senders */
    struct list senders;   /* datagram sockets connected to this one */
    struct list queue;     /* struct socket_message */
    uint32_t queued, queued_bytes;
    uint32_t charged;          /* of messages that it sent and nobody has taken */
    struct wait_queue readers; /* something came, or nothing will any more */
    struct wait_queue writers; /* less is charged, or sending has ended */
    struct wait_queue room;    /* the queue got shorter */
    struct ready ready;

    struct socket_address *name; /* bound to; NULL: no name */
    handle_t node;               /* keeps the bound file system node */
    char *node_path;             /* absolute text, for snapshots; or NULL */
    uint64_t node_ino;
    uint32_t node_device;

    struct socket_address remote; /* AF_INET datagrams: where to and from; length 0: anybody */
    uint32_t inet_options[INET_LEVELS][INET_OPTIONS];
    uint32_t backlog, send_limit, receive_limit, low_water;
    struct socket_credentials own, peer_credentials; /* own: of who bound or connected it */
    uint32_t flags;                                  /* enum socket_flags */
    ktime_t send_timeout, receive_timeout;           /* ns; DEADLINE_NEVER: none */
    uint32_t linger_on, linger_time, priority, mark;
    uint32_t in_flight, internal; /* messages that carry its file; sockcollect.c */
    bool reached;
};

/* Options that are one bit. */
enum socket_flags {
    SOCKET_PASS_CREDENTIALS = 1,
    SOCKET_REUSE_ADDRESS = 2,
    SOCKET_KEEP_ALIVE = 4,
    SOCKET_BROADCAST = 8,
    SOCKET_DONT_ROUTE = 16,
    SOCKET_OOB_INLINE = 32,
    SOCKET_TIMESTAMP = 64,
    SOCKET_REUSE_PORT = 128,
    SOCKET_TIMESTAMP_NS = 256,
    SOCKET_PASS_SECURITY = 512,
};

extern struct list all_sockets;

/* ---- socket.c ---- */
struct socket *socket_of(const struct file *file); /* NULL: no socket */
/* The file of a descriptor that must be a socket, with a reference; NULL: *error. */
struct file *socket_get(uint32_t fd, struct socket **socket, int *error);
/* With one reference, for its file. NULL when out of memory. Without the lock. */
struct socket *socket_new(const struct socket_family *family, uint32_t type);
/* Takes over the socket's reference, also on failure. Without the lock. */
struct file *socket_file(struct socket *socket, uint32_t flags);
static inline void socket_hold(struct socket *socket)
{
    socket->references++; /* lock held */
}
void socket_drop(struct socket *socket);            /* lock held */
void socket_release(struct socket *socket);         /* the same, without it */
bool socket_is_stream(const struct socket *socket); /* stream or seqpacket: has connections */
uint32_t socket_ready(const struct socket *socket); /* poll bits as of now; lock held */
/* Show the present readiness; `news` just came about. Lock held. */
void socket_show(struct socket *socket, uint32_t news);
void socket_wake_all(struct socket *socket, uint32_t news); /* its state changed; lock held */
void socket_print_table(struct text *text);                 /* /proc/net/unix */
struct socket_credentials credentials_now(void);
/* Removes a socket that nobody has accepted or that is closed from the world. Lock held. */
void socket_end(struct socket *socket, struct list *dead);

/* ---- sockname.c ---- */
int address_copy_in(struct socket_address *address, user_t from, uint32_t length);
/* Linux's rules for where an address goes: at most *size bytes, and the full length to `size`. */
int address_copy_out(const struct socket_address *address, user_t to, user_t size);
/* As unix_family's bind, but a node that is there already and nobody is bound to is taken. */
int socket_bind_again(struct socket *socket, const struct socket_address *address,
                      const char *path);
static inline int socket_autobind(struct socket *socket, bool any)
{
    return socket->name ? 0 : socket->family->autobind(socket, any);
}

/* ---- sockinet.c ---- */
#define LOOPBACK         0x0100007fu /* 127.0.0.1 in network order */
#define LOOPBACK_NETMASK 0x000000ffu
extern const uint32_t inet_levels[INET_LEVELS]; /* of the rows of a socket's inet_options */
/* One in a snapshot. */
struct protocol_option {
    uint32_t level, number, value;
};

/* ---- sockif.c ---- */
int interface_ioctl(uint32_t what, user_t argument); /* -ENOTTY: it is about something else */

/* ---- sockconnect.c ---- */
int socket_connect(struct socket *socket, const struct socket_address *address, uint32_t flags);
void socket_join(struct socket *a, struct socket *b);             /* a pair; lock held */
void socket_set_peer(struct socket *socket, struct socket *peer); /* one way; lock held */
void socket_disconnect(struct socket *socket);                    /* forget the peer; lock held */

void socket_shut(struct socket *socket, uint32_t ways); /* lock held */

/* ---- sockrelay.c ---- */
int socket_export(struct file *file, struct start_fd *fd, handle_t handles[2]);

/* ---- sockdata.c ---- */
struct socket_transfer {
    struct io *io;
    uint32_t flags;                 /* enum message_flags */
    struct socket_control control;  /* SEND: what to send, emptied; RECEIVE: what came */
    struct socket_address *address; /* SEND: where to, or NULL; RECEIVE: filled in, or NULL */
    uint32_t result_flags;          /* RECEIVE: MSG_TRUNC */
    uint64_t time;                  /* RECEIVE: when it was sent */
    bool relayed;                   /* by no guest's thread: for who made the socket */
};
/* The calling thread's file decides about O_NONBLOCK. Bytes, or -errno. */
int socket_send(struct file *file, struct socket_transfer *transfer);
int socket_receive(struct file *file, struct socket_transfer *transfer);
/* Takes the message out of the queue of `at`, gives its charge back. Lock held. */
void message_unlink(struct socket *at, struct socket_message *message);
/* Frees messages that message_unlink has put into a list. Without the lock. */
void messages_free(struct list *messages);
/* The least recent message is gone from the queue: tells senders. Lock held. */
void socket_room(struct socket *socket);
ktime_t socket_deadline(ktime_t timeout);       /* of a call with a time limit of the socket's */
int timeout_error(int error, ktime_t deadline); /* the result of such a wait */

/* ---- sockcontrol.c ---- */
struct linux_msghdr;
int control_copy_in(struct socket_control *control, user_t from, uint32_t length);
/* Puts what came into the caller's control buffer; installs descriptors. Sets header fields. */
int control_copy_out(struct socket *socket, struct socket_transfer *transfer,
                     struct linux_msghdr *header);
void control_free(struct socket_control *control); /* without the lock */
int control_copy(const struct socket_control *from, struct socket_control *to);

/* ---- sockcollect.c ---- */
/* Files enter or leave messages in a queue. Lock held. */
void flight_begin(const struct socket_control *control);
void flight_end(const struct socket_control *control);
extern uint32_t files_in_flight;
void sockets_collect(void); /* without the lock */
/* Drops references to files from wherever a chain of them may be long. Without the lock. */
void files_drop(struct file **files, uint32_t count);

#endif
