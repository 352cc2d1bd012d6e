/* SPDX-License-Identifier: MIT */
/*
 * Atoms: numbers for names, in one table for all processes. Names of the form #number below 0xc000 are
 * that number; they are in no table and always there.
 */
#include <personalities/nt/nt.h>

#include <stdlib.h>
#include <string.h>

#define ATOM_FIRST    0xc000u
#define ATOM_COUNT    0x4000u
#define ATOM_NAME_MAX 255u
#define BUCKETS       256u

struct atom {
    struct atom *next; /* in its bucket */
    WCHAR *name;
    uint32_t length, count, number;
};
static struct atom *atoms[ATOM_COUNT], *buckets[BUCKETS];
static uint32_t first_free; /* no free number below */

static struct atom **bucket_of(struct text name)
{
    uint32_t hash = 0;
    for (uint32_t i = 0; i < name.length; i++)
        hash = hash * 31 + text_upper(name.chars[i]);
    return &buckets[hash % BUCKETS];
}

static struct atom *find_atom(struct text name)
{
    for (struct atom *atom = *bucket_of(name); atom; atom = atom->next)
        if (text_equal((struct text){atom->name, atom->length}, name))
            return atom;
    return NULL;
}

static struct atom *atom_by_number(uint32_t number)
{
    uint32_t index = (number & 0xffff) - ATOM_FIRST;
    return index < ATOM_COUNT ? atoms[index] : NULL;
}

/* The number that a name spells, or 0. *status: an error if it spells one that cannot be. */
static uint32_t spelled_number(struct text name, NTSTATUS *status)
{
    uint32_t number = 0;
    *status = STATUS_SUCCESS;
    if (name.length < 2 || name.chars[0] != '#')
        return 0;
    for (uint32_t i = 1; i < name.length; i++) {
        if (name.chars[i] < '0' || name.chars[i] > '9')
            return 0;
        number = number > 0xffff ? number : number * 10 + name.chars[i] - '0';
    }
    if (number == 0 || number >= ATOM_FIRST)
        *status = STATUS_INVALID_PARAMETER;
    return number;
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

static NTSTATUS return_number(uint32_t number, uint32_t guest)
{
    uint16_t value = number;
    return guest ? guest_write(guest, &value, sizeof value) : STATUS_SUCCESS;
}

/* A new atom; takes the name's storage over. */
static struct atom *atom_new(struct text name, WCHAR *storage)
{
    while (first_free < ATOM_COUNT && atoms[first_free])
        first_free++;
    struct atom *atom = first_free < ATOM_COUNT ? malloc(sizeof *atom) : NULL;
    if (!atom)
        return NULL;
    struct atom **bucket = bucket_of(name);
    *atom = (struct atom){
        .next = *bucket, .name = storage, .length = name.length, .number = ATOM_FIRST + first_free};
    *bucket = atoms[first_free] = atom;
    return atom;
}

static void atom_free(struct atom *atom)
{
    struct atom **link = bucket_of((struct text){atom->name, atom->length});
    while (*link != atom)
        link = &(*link)->next;
    *link = atom->next;
    atoms[atom->number - ATOM_FIRST] = NULL;
    if (atom->number - ATOM_FIRST < first_free)
        first_free = atom->number - ATOM_FIRST;
    free(atom->name);
    free(atom);
}

NTSTATUS nt_add_atom(struct call *call)
{
    struct text name;
    WCHAR *storage;
    NTSTATUS status = read_name(call, &name, &storage);
    if (status)
        return status;
    uint32_t number = spelled_number(name, &status);
    if (!number && !status) {
        struct atom *atom = find_atom(name);
        if (!atom && (atom = atom_new(name, storage)) != NULL)
            storage = NULL;
        if (atom) {
            atom->count++;
            number = atom->number;
        } else {
            status = STATUS_NO_MEMORY;
        }
    }
    free(storage);
    return status ? status : return_number(number, call->args[2]);
}

NTSTATUS nt_find_atom(struct call *call)
{
    struct text name;
    WCHAR *storage;
    NTSTATUS status = read_name(call, &name, &storage);
    if (status)
        return status;
    uint32_t number = spelled_number(name, &status);
    struct atom *atom = number ? NULL : find_atom(name);
    free(storage);
    if (status)
        return status;
    if (!number && !atom)
        return STATUS_OBJECT_NAME_NOT_FOUND;
    return return_number(number ? number : atom->number, call->args[2]);
}

NTSTATUS nt_delete_atom(struct call *call)
{
    uint32_t number = call->args[0] & 0xffff;
    struct atom *atom = atom_by_number(number);
    if (!atom)
        return number && number < ATOM_FIRST ? STATUS_SUCCESS : STATUS_INVALID_HANDLE;
    if (--atom->count == 0)
        atom_free(atom);
    return STATUS_SUCCESS;
}

static uint32_t spell(uint32_t number, WCHAR *name)
{
    WCHAR digits[5];
    uint32_t count = 0;
    for (; number; number /= 10)
        digits[count++] = '0' + number % 10;
    name[0] = '#';
    for (uint32_t i = 0; i < count; i++)
        name[1 + i] = digits[count - 1 - i];
    return count + 1;
}

/* As much of the name as there is room for, with its end if that fits too. */
static NTSTATUS return_name(struct call *call, ATOM_BASIC_INFORMATION *info, const WCHAR *name,
                            uint32_t length)
{
    static const WCHAR end = 0;
    uint32_t bytes = length * sizeof(WCHAR), header = offsetof(ATOM_BASIC_INFORMATION, Name);
    uint32_t room = call->args[3] - sizeof *info; /* a character is always left for the end */
    NTSTATUS status = guest_return32(call->args[4], sizeof *info + bytes);
    if (!status && call->args[3] < sizeof *info)
        return STATUS_INFO_LENGTH_MISMATCH;
    info->NameLength = room < bytes && room ? room & ~1u : bytes;
    if (!status)
        status = guest_write(call->args[2], info, header);
    if (!status && room == 0)
        return STATUS_BUFFER_TOO_SMALL;
    if (!status)
        status = guest_write(call->args[2] + header, name, info->NameLength);
    return status ? status
                  : guest_write(call->args[2] + header + info->NameLength, &end, sizeof end);
}

NTSTATUS nt_query_information_atom(struct call *call)
{
    WCHAR spelled[8];
    uint32_t number = call->args[0] & 0xffff;
    struct atom *atom = atom_by_number(number);
    ATOM_BASIC_INFORMATION info = {.ReferenceCount = 1, .Pinned = 1};
    if (call->args[1] != AtomBasicInformation)
        return STATUS_INVALID_INFO_CLASS;
    if (!number)
        return STATUS_INVALID_PARAMETER;
    if (number < ATOM_FIRST)
        return return_name(call, &info, spelled, spell(number, spelled));
    if (!atom)
        return STATUS_INVALID_HANDLE;
    info.ReferenceCount = atom->count;
    info.Pinned = 0;
    return return_name(call, &info, atom->name, atom->length);
}
