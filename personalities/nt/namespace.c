/* SPDX-License-Identifier: MIT */
/*
 * The name space of objects: directories, symbolic links, and the path walk. Names are compared
 * without case and keep theirs. Files and registry keys have name spaces of their own: the walk
 * stops at an object with `parse` and hands over what is left of the path.
 */
#include <personalities/nt/namespace.h>

#include <personalities/nt/mount_points.h>
#include <personalities/nt/snapshot/restore.h>
#include <personalities/nt/snapshot/save.h>

#include <stdlib.h>
#include <string.h>

#define LINKS_MAX 16

static struct object *root_directory;

static void directory_destroy(struct object *object)
{
    free(directory_of(object));
}

/* One without a name, since those with one are found by it: see restore_objects.c. */
static NTSTATUS directory_restore(struct restore *restore, const struct snap_note *note,
                                  struct object **result)
{
    (void)restore;
    (void)note;
    return directory_create(result);
}

const struct nt_type directory_type = {
    .name = L"Directory",
    .number = TYPE_DIRECTORY,
    .mapping = {STANDARD_RIGHTS_READ | DIRECTORY_QUERY | DIRECTORY_TRAVERSE,
                STANDARD_RIGHTS_WRITE | DIRECTORY_CREATE_OBJECT | DIRECTORY_CREATE_SUBDIRECTORY,
                STANDARD_RIGHTS_EXECUTE | DIRECTORY_QUERY | DIRECTORY_TRAVERSE,
                DIRECTORY_ALL_ACCESS},
    .destroy = directory_destroy,
    .restore = directory_restore,
};

static void symlink_destroy(struct object *object)
{
    struct symlink *symlink = symlink_of(object);
    free(symlink->target);
    free(symlink);
}

static void symlink_save(struct object *object, struct save *save)
{
    const struct symlink *symlink = symlink_of(object);
    save_text(save, SNAP_OBJECT_PATH, (struct text){symlink->target, symlink->length});
}

static NTSTATUS symlink_restore(struct restore *restore, const struct snap_note *note,
                                struct object **result)
{
    uint32_t length;
    WCHAR *target = restored_text(note, SNAP_OBJECT_PATH, &length);
    (void)restore;
    if (!target)
        return STATUS_INVALID_PARAMETER;
    NTSTATUS status = symlink_create((struct text){target, length}, result);
    free(target);
    return status;
}

const struct nt_type symlink_type = {
    .name = L"SymbolicLink",
    .number = TYPE_SYMBOLIC_LINK,
    .mapping = {STANDARD_RIGHTS_READ | SYMBOLIC_LINK_QUERY, STANDARD_RIGHTS_WRITE,
                STANDARD_RIGHTS_EXECUTE | SYMBOLIC_LINK_QUERY, SYMBOLIC_LINK_ALL_ACCESS},
    .destroy = symlink_destroy,
    .save = symlink_save,
    .restore = symlink_restore,
};

NTSTATUS directory_create(struct object **directory)
{
    struct directory *created = malloc(sizeof *created);
    if (!created)
        return STATUS_NO_MEMORY;
    object_init(&created->object, &directory_type);
    list_init(&created->names);
    *directory = &created->object;
    return STATUS_SUCCESS;
}

NTSTATUS symlink_create(struct text target, struct object **symlink)
{
    struct symlink *created = malloc(sizeof *created);
    if (!created)
        return STATUS_NO_MEMORY;
    object_init(&created->object, &symlink_type);
    created->length = target.length;
    created->target = text_copy(target);
    if (!created->target) {
        free(created);
        return STATUS_NO_MEMORY;
    }
    *symlink = &created->object;
    return STATUS_SUCCESS;
}

/* The name as it is written, or else the newest that differs in case only. */
static struct name *directory_find(struct object *object, struct text wanted, bool exact)
{
    struct name *similar = NULL;
    list_each(name, &directory_of(object)->names, struct name, link)
    {
        if (name->length != wanted.length)
            continue;
        if (memcmp(name->chars, wanted.chars, wanted.length * sizeof(WCHAR)) == 0)
            return name;
        if (!exact && text_equal((struct text){name->chars, name->length}, wanted))
            similar = name;
    }
    return similar;
}

NTSTATUS namespace_insert(struct object *directory, struct text wanted, struct object *object,
                          bool permanent)
{
    struct name *name = malloc(sizeof *name + wanted.length * sizeof(WCHAR));
    if (!name)
        return STATUS_NO_MEMORY;
    memcpy(name->chars, wanted.chars, wanted.length * sizeof(WCHAR));
    name->length = wanted.length;
    name->object = object;
    name->directory = directory;
    name->permanent = permanent;
    object_hold(directory);
    if (permanent)
        object_hold(object);
    object->name = name;
    list_append(&directory_of(directory)->names, &name->link);
    return STATUS_SUCCESS;
}

void namespace_remove(struct object *object)
{
    struct name *name = object->name;
    bool permanent = name->permanent;
    list_remove(&name->link);
    object->name = NULL;
    object_release(name->directory);
    free(name);
    if (permanent)
        object_release(object);
}

/* ---- the walk ---- */

struct walk {
    struct object *at; /* held */
    struct text rest;
    WCHAR *storage; /* of rest, once a link has been followed */
    uint32_t links;
};

static void walk_to(struct walk *walk, struct object *object)
{
    object_hold(object);
    object_release(walk->at);
    walk->at = object;
}

/* Put the target of a link in front of what is left, and begin at the root again. */
static NTSTATUS walk_link(struct walk *walk, const struct symlink *symlink)
{
    if (++walk->links > LINKS_MAX)
        return STATUS_NAME_TOO_LONG;
    uint32_t length = symlink->length + walk->rest.length;
    WCHAR *path = malloc((length + 1) * sizeof(WCHAR));
    if (!path)
        return STATUS_NO_MEMORY;
    memcpy(path, symlink->target, symlink->length * sizeof(WCHAR));
    memcpy(path + symlink->length, walk->rest.chars, walk->rest.length * sizeof(WCHAR));
    path[length] = 0;
    free(walk->storage);
    walk->storage = path;
    walk->rest = (struct text){path, length};
    walk_to(walk, root_directory);
    return STATUS_SUCCESS;
}

/* Cut the next component off; the walk stands at a directory and the rest begins with it. */
static struct text walk_component(struct walk *walk)
{
    uint32_t length = 0;
    while (length < walk->rest.length && walk->rest.chars[length] != '\\')
        length++;
    struct text component = {walk->rest.chars, length};
    walk->rest = text_skip(walk->rest, length);
    return component;
}

/* One step below a directory. *missing: the component, if it is the last and does not exist. */
static NTSTATUS walk_step(struct walk *walk, uint32_t how, struct text *missing)
{
    if (walk->rest.length && walk->rest.chars[0] == '\\')
        walk->rest = text_skip(walk->rest, 1);
    if (walk->rest.length == 0)
        return STATUS_SUCCESS;
    struct text component = walk_component(walk);
    if (component.length == 0)
        return STATUS_OBJECT_NAME_INVALID;
    bool last = walk->rest.length == 0;
    struct name *name = directory_find(walk->at, component, how & LOOKUP_EXACT);
    if (!name) {
        *missing = component;
        return walk->rest.length ? STATUS_OBJECT_PATH_NOT_FOUND : STATUS_OBJECT_NAME_NOT_FOUND;
    }
    if (name->object->type == &symlink_type && (!(how & LOOKUP_OPEN_LINK) || !last))
        return walk_link(walk, symlink_of(name->object));
    if (name->object->type == &directory_type && walk->rest.length == 1)
        return STATUS_OBJECT_NAME_INVALID; /* a separator with nothing behind it */
    walk_to(walk, name->object);
    return STATUS_SUCCESS;
}

static bool is_part_of_namespace(const struct object *object)
{
    return object->type == &directory_type || object->type == &symlink_type;
}

NTSTATUS namespace_lookup(struct object *root, struct text path, uint32_t how,
                          struct object **object, struct object **directory, struct text *rest,
                          WCHAR **storage)
{
    struct walk walk = {.rest = path};
    struct text missing = {NULL, 0};
    NTSTATUS status = STATUS_SUCCESS;
    *object = *directory = NULL;
    if (!root && (path.length == 0 || path.chars[0] != '\\'))
        return path.length ? STATUS_OBJECT_PATH_SYNTAX_BAD : STATUS_OBJECT_NAME_INVALID;
    if (root && path.length && path.chars[0] == '\\' && is_part_of_namespace(root))
        return STATUS_OBJECT_PATH_SYNTAX_BAD;
    walk_to(&walk, root ? root : root_directory);
    while (!status && walk.rest.length && walk.at->type == &directory_type)
        status = walk_step(&walk, how, &missing);
    *storage = walk.storage;
    if (!status && walk.rest.length && !walk.at->type->parse)
        status = STATUS_OBJECT_TYPE_MISMATCH;
    if (!status) {
        *rest = walk.rest;
        *object = walk.at;
        return STATUS_SUCCESS;
    }
    if (status == STATUS_OBJECT_NAME_NOT_FOUND) {
        *rest = missing;
        *directory = walk.at;
        return status;
    }
    object_release(walk.at);
    return status;
}

WCHAR *namespace_path(struct object *object, uint32_t *length)
{
    uint32_t total = 0;
    if (!object->name)
        return NULL;
    for (struct object *at = object; at->name; at = at->name->directory)
        total += at->name->length + 1;
    WCHAR *path = malloc((total + 1) * sizeof(WCHAR));
    if (!path)
        return NULL;
    uint32_t end = total;
    path[total] = 0;
    for (struct object *at = object; at->name; at = at->name->directory) {
        end -= at->name->length;
        memcpy(path + end, at->name->chars, at->name->length * sizeof(WCHAR));
        path[--end] = '\\';
    }
    *length = total;
    return path;
}

/* ---- start ---- */

static void must(NTSTATUS status)
{
    if (status)
        abort();
}

static struct object *make_directory(struct object *parent, struct text name)
{
    struct object *directory;
    must(directory_create(&directory));
    must(namespace_insert(parent, name, directory, true));
    return directory;
}

static void make_link(struct object *parent, struct text name, struct text target)
{
    struct object *symlink;
    must(symlink_create(target, &symlink));
    must(namespace_insert(parent, name, symlink, true));
    object_release(symlink);
}

/* Names of a session: Local\x is its own, Global\x that of all. */
static void make_names(struct object *names, struct text local)
{
    make_link(names, LITERAL("Local"), local);
    make_link(names, LITERAL("Global"), LITERAL("\\BaseNamedObjects"));
    make_link(names, LITERAL("Session"), LITERAL("\\Sessions\\BNOLINKS"));
}

static void make_sessions(struct object *sessions)
{
    struct object *session = make_directory(sessions, LITERAL("1"));
    struct object *links = make_directory(sessions, LITERAL("BNOLINKS"));
    make_names(make_directory(session, LITERAL("BaseNamedObjects")),
               LITERAL("\\Sessions\\1\\BaseNamedObjects"));
    make_link(session, LITERAL("DosDevices"), LITERAL("\\??"));
    make_link(links, LITERAL("0"), LITERAL("\\BaseNamedObjects"));
    make_link(links, LITERAL("1"), LITERAL("\\Sessions\\1\\BaseNamedObjects"));
}

void namespace_init(void)
{
    must(directory_create(&root_directory));
    make_directory(root_directory, LITERAL("Device"));
    make_directory(root_directory, LITERAL("KernelObjects"));
    make_directory(root_directory, LITERAL("Windows"));
    struct object *dos = make_directory(root_directory, LITERAL("??"));
    struct object *named = make_directory(root_directory, LITERAL("BaseNamedObjects"));
    make_names(named, LITERAL("\\BaseNamedObjects"));
    make_sessions(make_directory(root_directory, LITERAL("Sessions")));
    make_link(root_directory, LITERAL("DosDevices"), LITERAL("\\??"));
    make_link(root_directory, LITERAL("GLOBAL??"), LITERAL("\\??"));
    make_link(dos, LITERAL("C:"), LITERAL("\\Device\\HarddiskVolume1"));
    make_link(dos, LITERAL("Z:"), LITERAL("\\Device\\HarddiskVolume2"));
    make_link(dos, LITERAL(VOLUME_NAME_C), LITERAL("\\Device\\HarddiskVolume1"));
    make_link(dos, LITERAL(VOLUME_NAME_Z), LITERAL("\\Device\\HarddiskVolume2"));
    make_link(dos, LITERAL("MountPointManager"), LITERAL("\\Device\\MountPointManager"));
    make_link(dos, LITERAL("NUL"), LITERAL("\\Device\\Null"));
    make_link(dos, LITERAL("PIPE"), LITERAL("\\Device\\NamedPipe"));
    make_link(dos, LITERAL("CON"), LITERAL("\\Device\\ConDrv\\Console"));
    make_link(dos, LITERAL("CONIN$"), LITERAL("\\Device\\ConDrv\\CurrentIn"));
    make_link(dos, LITERAL("CONOUT$"), LITERAL("\\Device\\ConDrv\\CurrentOut"));
    make_link(dos, LITERAL("GLOBALROOT"), LITERAL(""));
}
