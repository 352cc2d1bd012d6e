/* SPDX-License-Identifier: MIT */
/* Atoms: numbers for names, in one table for all processes. */
#include <personalities/nt/nt.h>

#include <stdlib.h>
#include <string.h>

#define ATOM_FIRST    0xc000u
#define ATOM_NAME_MAX 255u

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
