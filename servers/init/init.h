/* SPDX-License-Identifier: MIT */
/*
 * init's own interfaces. All state is guarded by init_lock: the port loop holds it while it handles
 * a message, other threads (services, consoles, image checks, power) while they touch anything
 * declared here. No thread makes a call to another server with the lock held, and the port loop
 * makes none at all: so nobody ever waits for init while init waits for him.
 */
#ifndef INIT_INIT_H
#define INIT_INIT_H

#include <atomik/objects.h>
#include <atomik/thread.h>
#include <protocols/init.h>
#include <service/loop.h>

/* Signal numbers of the registry are Unix's. */
enum { SIGNO_KILL = 9, SIGNO_USR1 = 10, SIGNO_USR2 = 12, SIGNO_TERM = 15 };

#define PID_INIT          1u
#define PID_LIMIT         32768u
#define PERSONALITIES_MAX 15
#define PERSONALITY_NAME  16

/*
 * Badges of init's port say who calls:
 *   BADGE_SERVICE             a service that init started
 *   BADGE_PERSONALITY + n     personality n + 1, on its private handle
 *   BADGE_PROCESS and above   a process, on its handle: generation << 15 | pid
 */
#define BADGE_SERVICE     1u
#define BADGE_PERSONALITY 0x100u
#define BADGE_PROCESS     0x8000u

extern struct mutex init_lock;
extern struct service init_service; /* the port loop */
extern bool shutting_down;

/* ---- processes (registry.c; requests: registry_calls.c) ---- */

struct waiter {
    struct waiter *next;
    uint32_t token;
    bool reaps; /* the parent asks: the status is taken with the answer */
};

struct process {
    uint32_t pid, ppid, pgid, sid, uid;
    struct personality *personality; /* NULL: init itself or a service */
    uint32_t state;                  /* enum proc_state */
    int32_t status;                  /* of a zombie */
    uint64_t start_time;
    uint32_t badge; /* of its process handle, 0: none was made */
    bool kept;      /* a child of init that stays a zombie until proc_wait: somebody asked for it */
    handle_t kernel_process; /* of services (borrowed) and native programs (owned) */
    handle_t root;           /* of a program that may start others by itself */
    struct waiter *waiters;
    char name[NAME_LENGTH];
};

struct process *process_find(uint32_t pid); /* NULL: none */
struct process *process_after(uint32_t pid);
/* With the pid `wanted`, if that is not 0 and free. NO_MEMORY, or LIMIT_REACHED when all pids are in use. */
status_t process_new(struct personality *personality, uint32_t ppid, uint32_t pgid, uint32_t sid,
                     uint32_t uid, uint32_t wanted, const char *name, struct process **process);
void process_free(struct process *process);
/* All that follows from the end of a process. The record may be gone afterwards. */
void process_ended(struct process *process, int32_t status);
/* Who looks into a process, takes it as a whole or signals it: root, and its own user. */
static inline bool process_is_open_to(const struct process *process, uint32_t uid)
{
    return uid == 0 || uid == process->uid;
}
/* Signal a process or, pid < -1, a group: those that `program` may, NULL: all. NOT_PERMITTED if there are none. */
status_t process_signal(int32_t pid, uint32_t signal, uint32_t sender,
                        const struct process *program, uint32_t *count);
/* The process that calls on a process handle, or NULL. */
struct process *process_of_badge(uint32_t badge);
/* Another badge for handles of a process; the ones given before mean nothing any more. */
uint32_t process_next_badge(uint32_t pid);
/* It has been stopped, or goes on (status as of wait4): its parent is told. */
void process_changed(struct process *process, int32_t status);
void processes_cancel(uint32_t token);
/* A record for init or a service. */
status_t process_new_service(const char *name, handle_t kernel_process, uint32_t *pid);
uint32_t process_count(const struct personality *personality);
void registry_init(void);

service_handler handle_proc_create, handle_proc_set, handle_proc_exit, handle_proc_reap,
    handle_proc_changed, handle_proc_signal, handle_proc_info, handle_proc_wait, handle_proc_handle;

/* ---- personalities and their events (events.c) ---- */

struct event {
    struct event *next;
    struct proc_event data;
    handle_t handles[4]; /* EVENT_START: owned */
    uint32_t handle_count;
};

struct personality {
    char name[PERSONALITY_NAME];
    uint32_t number; /* index + 1 */
    bool alive;
    uint32_t parked; /* token of its next_event, 0: it is busy */
    struct event *first, *last;
    uint32_t event_count;
};

struct personality *personality_find(const char *name, size_t length); /* alive ones only */
struct personality *personality_of_badge(uint32_t badge);
/* LIMIT_REACHED if it does not fetch its events; `must` overrides that. NO_MEMORY. */
status_t event_push(struct personality *personality, const struct proc_event *data,
                    const handle_t *handles, uint32_t handle_count, bool must);
void personality_ended(struct personality *personality);
/* EVENT_FINISH to all; then: has one not handled all of its events? */
void personalities_finish(void);
bool personalities_are_busy(void);
void events_cancel(uint32_t token);
service_handler handle_personality_register, handle_next_event, handle_personality_list;

/* ---- questions to personalities (questions.c) ---- */
/*
 * Passes a question on as an event (its pid and request are filled in) and keeps the call open:
 * SERVICE_DEFERRED. On an error the handles stay the caller's.
 */
status_t question_ask(const struct message *message, const struct process *process,
                      struct proc_event *event, const handle_t *handles, uint32_t handle_count);
/* The token of the call that an answer is for; 0: nobody waits for it any more. */
uint32_t question_take(const struct personality *personality, uint32_t request);
void questions_fail(const struct personality *personality);
void questions_cancel(uint32_t token);
service_handler handle_proc_stats, handle_proc_stats_answer, handle_snapshot,
    handle_snapshot_answer;

/* ---- program starts (start.c) ---- */
service_handler handle_start_begin, handle_start_fd, handle_start_commit, handle_start_fetch,
    handle_start_done;
/* The image of start `id` has been looked at: the personality it wants, or why it cannot run. */
void start_decided(uint32_t id, status_t status, const char *personality);
/*
 * What a program passes on is believed by the personality that gets it: files can say that they belong to
 * root and run with root's power. So no server of a user's own may stand behind it.
 */
bool start_may_pass(const struct process *program, handle_t handle);
void starts_of_badge_ended(uint32_t badge);
void starts_of_personality_ended(const struct personality *personality);
void starts_cancel(uint32_t token);
/* Is this process about to become the personality's? */
bool start_takes(const struct personality *personality, uint32_t pid);
/* The process has ended: if its start was not reported done, it is now. */
void start_settle(const struct personality *personality, uint32_t pid);
/* The pid that a start of a new process will have. */
uint32_t start_pid(uint32_t id);

/* ---- image.c ---- */
/* Find out in a thread of its own which personality runs the image and call start_decided. Takes `image`. */
status_t image_decide(uint32_t start, handle_t image);

/* ---- names.c ---- */
status_t name_set(const char *name, size_t length, handle_t handle); /* takes the handle if OK */
handle_t name_get(const char *name);                                 /* a copy, or none */
void names_cancel(uint32_t token);
service_handler handle_name_register, handle_name_lookup, handle_name_list;

/* ---- boot_files.c ---- */
void boot_files_open(void);
uint32_t boot_archive_count(void);
handle_t boot_archive(uint32_t index);
/* A file of the boot archives as a VMO of its own; NOT_FOUND. */
status_t boot_file(const char *path, handle_t *vmo, uint32_t *size);
bool cmdline_has(const char *word);

/* ---- mounts.c ---- */
/* The directory at the path, to be covered; it is made if the root file system lacks it. */
status_t mount_point_open(const char *path, handle_t *directory);
/* The directory that holds it, which `..` leads to from the mounted root. */
status_t mount_parent_open(const char *path, handle_t *directory);
/* Rows of the table; the caller holds the lock. Texts are copied; options "" shows as "rw". */
void mount_note(const char *name, const char *program, const char *path, const char *options);
void mount_forget(const char *path);
/* Other options of the last one that was mounted there. */
void mount_change(const char *path, const char *options);
/* What tables show: flags of enum fs_mount_flags, then the file system's own options. */
void mount_options(uint32_t flags, const char *own, char *to, size_t size);
service_handler handle_mount_list;

/* ---- filesystems.c ---- */
void filesystem_directive(char **words, uint32_t count);
/* Is that the program of a file system on a device, which is its first argument? */
bool filesystem_has_device(const char *program);
service_handler handle_file_system_mount, handle_file_system_unmount, handle_file_system_remount,
    handle_file_system_type;

/* ---- announce.c ---- */
void announce(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* ---- config.c, services.c, power.c ---- */
#define WORDS_MAX 24
/* Split the configuration and start what it says; runs in a thread of its own. */
void config_run(void);
void config_directive(char **words, uint32_t count);
/*
 * A service that comes and goes while the machine runs: a file server on the directory `mount`.
 * service_run starts it and tells `started` once, with the status of the start and the mounting;
 * after OK it returns when service_leave has ended it, after an error at once.
 */
struct service_entry_state;
struct service_request {
    const char *path, *mount, *source, *type, *options; /* copied */
    const char *arguments[4];
    uint32_t flags; /* enum fs_mount_flags */
    void (*started)(void *context, struct service_entry_state *service, status_t status);
    void *context;
};
void service_run_mounted(const struct service_request *request);
/* The last service mounted there by service_run_mounted; NULL. With the lock held, like the next. */
struct service_entry_state *service_mounted_at(const char *path, handle_t *named);
/* Any file system mounted there, the last one; its flags are set for its next start. */
struct service_entry_state *service_file_system(const char *path, handle_t *named);
void service_set_flags(struct service_entry_state *service, uint32_t flags);
/* Is it to a service that init has started? */
bool service_is_at(handle_t handle);
/* What mount tables show with these flags. */
void service_options(const struct service_entry_state *service, char *to, size_t size);
/* It is not started again when it ends. */
void service_no_more(struct service_entry_state *service);
/* The same; and that is made to happen now. */
void service_leave(struct service_entry_state *service);
void service_directive(char **words, uint32_t count);
void console_directive(char **words, uint32_t count);
void env_directive(const char *assignment);
char **service_environment(void);
handle_t root_directory(void); /* of the machine, borrowed; none before memfs runs */
void services_stop(void);
status_t file_system_set_flags(handle_t named, uint32_t flags); /* a call to the file server */
status_t services_init(void);
status_t power_begin(uint32_t action); /* with the lock held; returns at once */

service_handler handle_power, handle_root_directory;

#endif
