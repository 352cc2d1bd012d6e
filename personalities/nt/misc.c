/* SPDX-License-Identifier: MIT */
/* Time, locale, atoms, job objects and the small rest. */
#include <personalities/nt/nt.h>

#include <atomik/log.h>
#include <personalities/nt/file.h>

#include <stdlib.h>
#include <string.h>

#define ENGLISH       0x409u
#define RESOLUTION    10000u /* 1 ms, in 100 ns */
#define ATOM_FIRST    0xc000u
#define ATOM_NAME_MAX 255u

NTSTATUS nt_query_system_time(struct call *call)
{
    uint64_t now = nt_time();
    return guest_write(call->args[0], &now, sizeof now);
}

NTSTATUS nt_query_performance_counter(struct call *call)
{
    uint64_t counter = nt_uptime(), frequency = 10000000;
    NTSTATUS status = guest_write(call->args[0], &counter, sizeof counter);
    if (!status && call->args[1])
        status = guest_write(call->args[1], &frequency, sizeof frequency);
    return status;
}

NTSTATUS nt_query_timer_resolution(struct call *call)
{
    NTSTATUS status = guest_write32(call->args[0], 156250);
    if (!status)
        status = guest_write32(call->args[1], RESOLUTION);
    return status ? status : guest_write32(call->args[2], RESOLUTION);
}

NTSTATUS nt_set_timer_resolution(struct call *call)
{
    return guest_write32(call->args[2], RESOLUTION);
}

NTSTATUS nt_query_default_locale(struct call *call)
{
    return guest_write32(call->args[1], ENGLISH);
}

NTSTATUS nt_query_ui_language(struct call *call)
{
    uint16_t language = ENGLISH;
    return guest_write(call->args[0], &language, sizeof language);
}

NTSTATUS nt_allocate_locally_unique_id(struct call *call)
{
    static uint64_t next = 1000;
    uint64_t id = next++;
    return guest_write(call->args[0], &id, sizeof id);
}

NTSTATUS nt_set_thread_execution_state(struct call *call)
{
    return guest_return32(call->args[1], ES_CONTINUOUS);
}

NTSTATUS nt_raise_hard_error(struct call *call)
{
    log_printf("hard error %08x of process %u", call->args[0], call->process->pid);
    return guest_return32(call->args[5], 0);
}

/* Wine's own debug output goes where the program's errors go. */
NTSTATUS nt_wine_dbg_write(struct call *call)
{
    uint32_t length = call->args[1] < 1024 ? call->args[1] : 1024, done;
    char text[1024];
    NTSTATUS status = guest_read(text, call->args[0], length);
    if (status)
        return status;
    if (call->process->trace)
        (void)ntfile_write(call->thread, file_of(call->process->trace), text, length,
                           OFFSET_CURRENT, &done);
    return (NTSTATUS)call->args[1];
}

/* ---- job objects: accepted so that programs which use them run; nothing is limited ---- */

static void job_destroy(struct object *object)
{
    free(object);
}

static const struct nt_type job_type = {
    .name = L"Job",
    .mapping = {STANDARD_RIGHTS_READ | JOB_OBJECT_QUERY,
                STANDARD_RIGHTS_WRITE | JOB_OBJECT_SET_ATTRIBUTES,
                STANDARD_RIGHTS_EXECUTE | SYNCHRONIZE, JOB_OBJECT_ALL_ACCESS},
    .destroy = job_destroy,
};

NTSTATUS nt_create_job_object(struct call *call)
{
    struct object *job = malloc(sizeof *job);
    if (!job)
        return STATUS_NO_MEMORY;
    object_init(job, &job_type);
    return object_create_named(call->thread, call->args[0], call->args[1], call->args[2], job);
}

NTSTATUS nt_open_job_object(struct call *call)
{
    return object_open_named(call->thread, call->args[0], call->args[1], call->args[2], &job_type);
}

static NTSTATUS check_job(struct call *call)
{
    struct object *job;
    NTSTATUS status = handle_object(call->thread, call->args[0], &job_type, 0, &job);
    if (!status)
        object_release(job);
    return status;
}

NTSTATUS nt_assign_process_to_job_object(struct call *call)
{
    struct nt_process *process;
    NTSTATUS status = check_job(call);
    if (!status)
        status = process_from_handle(call->thread, call->args[1], 0, &process);
    if (!status)
        object_release(&process->object);
    return status;
}

NTSTATUS nt_set_information_job_object(struct call *call)
{
    return check_job(call);
}

/* ---- atoms ---- */

struct atom {
    WCHAR *name;
    uint32_t length, count;
};
static struct atom atoms[1024];
#define ATOM_COUNT (sizeof atoms / sizeof atoms[0])

static struct atom *find_atom(struct text name)
{
    for (uint32_t i = 0; i < ATOM_COUNT; i++)
        if (atoms[i].count && text_equal((struct text){atoms[i].name, atoms[i].length}, name))
            return &atoms[i];
    return NULL;
}

static struct atom *atom_by_number(uint32_t number)
{
    uint32_t index = (number & 0xffff) - ATOM_FIRST;
    return index < ATOM_COUNT && atoms[index].count ? &atoms[index] : NULL;
}

static NTSTATUS read_name(struct call *call, struct text *name, WCHAR **storage)
{
    uint32_t bytes = call->args[1];
    if (bytes == 0 || (bytes & 1) || bytes > ATOM_NAME_MAX * sizeof(WCHAR))
        return bytes ? STATUS_INVALID_PARAMETER : STATUS_OBJECT_NAME_INVALID;
    *storage = malloc(bytes + sizeof(WCHAR));
    if (!*storage)
        return STATUS_NO_MEMORY;
    NTSTATUS status = guest_read(*storage, call->args[0], bytes);
    *name = (struct text){*storage, bytes / sizeof(WCHAR)};
    if (status)
        free(*storage);
    return status;
}

static NTSTATUS return_atom(const struct atom *atom, uint32_t guest)
{
    uint16_t number = ATOM_FIRST + (atom - atoms);
    return guest ? guest_write(guest, &number, sizeof number) : STATUS_SUCCESS;
}

NTSTATUS nt_add_atom(struct call *call)
{
    struct text name;
    WCHAR *storage;
    NTSTATUS status = read_name(call, &name, &storage);
    if (status)
        return status;
    struct atom *atom = find_atom(name);
    for (uint32_t i = 0; !atom && i < ATOM_COUNT; i++)
        if (!atoms[i].count) {
            atom = &atoms[i];
            *atom = (struct atom){.name = storage, .length = name.length};
            storage = NULL;
        }
    free(storage);
    if (!atom)
        return STATUS_NO_MEMORY;
    atom->count++;
    return return_atom(atom, call->args[2]);
}

NTSTATUS nt_find_atom(struct call *call)
{
    struct text name;
    WCHAR *storage;
    NTSTATUS status = read_name(call, &name, &storage);
    if (status)
        return status;
    struct atom *atom = find_atom(name);
    free(storage);
    return atom ? return_atom(atom, call->args[2]) : STATUS_OBJECT_NAME_NOT_FOUND;
}

NTSTATUS nt_delete_atom(struct call *call)
{
    struct atom *atom = atom_by_number(call->args[0]);
    if (!atom)
        return STATUS_INVALID_HANDLE;
    if (--atom->count == 0)
        free(atom->name);
    return STATUS_SUCCESS;
}

NTSTATUS nt_query_information_atom(struct call *call)
{
    struct atom *atom = atom_by_number(call->args[0]);
    uint32_t header = offsetof(ATOM_BASIC_INFORMATION, Name);
    if (!atom)
        return STATUS_INVALID_HANDLE;
    if (call->args[1] != AtomBasicInformation)
        return STATUS_INVALID_INFO_CLASS;
    uint32_t bytes = atom->length * sizeof(WCHAR), needed = header + bytes + sizeof(WCHAR);
    ATOM_BASIC_INFORMATION info = {.ReferenceCount = atom->count, .NameLength = bytes};
    NTSTATUS status = guest_return32(call->args[4], needed);
    if (status)
        return status;
    if (call->args[3] < needed)
        return STATUS_BUFFER_TOO_SMALL;
    status = guest_write(call->args[2], &info, header);
    return status ? status : guest_write(call->args[2] + header, atom->name, bytes + sizeof(WCHAR));
}
