/* SPDX-License-Identifier: MIT */
/*
 * The registry on disk: one text file for each of \REGISTRY\Machine and \REGISTRY\User, beside
 * default.reg, which holds what a new machine begins with, and zones.reg, the time zones that Wine's DLLs bring,
 * which every start reads anew. A thread writes a hive SAVE_DELAY after its first change, or when a program asks
 * for it: into a new file, made durable, which then takes the old one's name. So a machine that is switched off
 * finds the state of a few seconds before, whole.
 */
#include <personalities/nt/registry.h>

#include <atomik/log.h>
#include <atomik/startup.h>
#include <atomik/thread.h>
#include <atomik/time.h>
#include <ipc/call.h>

#include <stdlib.h>
#include <string.h>

#define DIRECTORY  "/c/windows/system32/config/"
#define DEFAULTS   DIRECTORY "default.reg"
#define ZONES      DIRECTORY "zones.reg"
#define ZONES_KEY  "Machine\\Software\\Microsoft\\Windows NT\\CurrentVersion\\Time Zones"
#define FILE_MAX   0x2000000u
#define SAVE_DELAY (3ull * NS_PER_S)

struct hive {
    struct text root;
    const char *file, *new_file;
    struct key *key; /* NULL: it is there but cannot be read, so nothing is written over it */
    bool changed;
};
static struct hive hives[] = {
    {.root = {L"Machine", 7}, .file = DIRECTORY "machine.reg", .new_file = DIRECTORY "machine.new"},
    {.root = {L"User", 4}, .file = DIRECTORY "user.reg", .new_file = DIRECTORY "user.new"},
};
enum { HIVES = sizeof hives / sizeof hives[0] };

static struct fs_walk_context context;
static struct condition something_changed;
static struct mutex saving; /* taken before the server's lock */
static bool ready;

/* ---- reading ---- */

static status_t read_file(const char *path, char **text, size_t *length)
{
    struct fs_attr attr;
    handle_t node;
    status_t status =
        fs_client_open(&context, HANDLE_NONE, path, strlen(path), FS_O_READ, 0, &node, &attr);
    if (status != OK)
        return status;
    *text = attr.size < FILE_MAX ? malloc(attr.size + 1) : NULL;
    status = *text ? fs_client_read(node, 0, *text, attr.size, length) : ERR_NO_MEMORY;
    if (status == OK && *length != attr.size)
        status = ERR_IO_ERROR;
    if (status != OK)
        free(*text);
    handle_drop(&node);
    return status;
}

/* A hive that was saved takes the place of the defaults. */
static void load_hive(struct hive *hive)
{
    size_t length = 0;
    char *text;
    status_t status = read_file(hive->file, &text, &length);
    if (status != OK && status != ERR_NOT_FOUND) {
        log_printf("registry: %s: %s", hive->file, status_text(status));
        hive->key = NULL;
    }
    if (status != OK)
        return;
    nt_lock();
    while (hive->key->children)
        key_remove_tree(hive->key->children);
    registry_read_text(hive->key, text, length);
    nt_unlock();
    free(text);
}

/* What the image brings. */
static void load_given(const char *path)
{
    size_t length = 0;
    char *text;
    status_t status = read_file(path, &text, &length);
    if (status != OK) {
        log_printf("registry: %s: %s", path, status_text(status));
        return;
    }
    nt_lock();
    registry_read_text(&registry_root, text, length);
    nt_unlock();
    free(text);
}

/* They are in no hive: a key that a program adds to them has to be volatile as well. */
static void load_zones(void)
{
    nt_lock();
    struct key *zones = key_make_path(&registry_root, LITERAL(ZONES_KEY));
    if (zones)
        zones->is_volatile = true;
    nt_unlock();
    load_given(ZONES);
}

/* ---- writing ---- */

static status_t sync_directory(void)
{
    handle_t node = HANDLE_NONE;
    status_t status = fs_client_open(&context, HANDLE_NONE, DIRECTORY, strlen(DIRECTORY),
                                     FS_O_READ | FS_O_DIRECTORY, 0, &node, NULL);
    if (status == OK)
        status = fs_client_sync(node, false);
    handle_drop(&node);
    return status;
}

static status_t write_file(const struct hive *hive, const char *text, size_t length)
{
    struct fs_attr attr;
    handle_t node;
    size_t done;
    uint64_t end;
    status_t status = fs_client_open(&context, HANDLE_NONE, hive->new_file, strlen(hive->new_file),
                                     FS_O_WRITE | FS_O_CREATE | FS_O_TRUNCATE, 0644, &node, &attr);
    if (status != OK)
        return status;
    status = fs_client_write(node, 0, text, length, &done, &end);
    if (status == OK && done != length)
        status = ERR_NO_SPACE;
    if (status == OK)
        status = fs_client_sync(node, false);
    handle_drop(&node);
    if (status == OK)
        status = fs_client_rename(&context, HANDLE_NONE, hive->new_file, strlen(hive->new_file),
                                  HANDLE_NONE, hive->file, strlen(hive->file), 0);
    return status == OK ? sync_directory() : status;
}

/* With `saving` and without the server's lock. What cannot be saved is tried again. */
static status_t save_hive(struct hive *hive)
{
    size_t length = 0;
    nt_lock();
    bool changed = hive->changed;
    char *text = changed ? registry_write_text(hive->key, &length) : NULL;
    if (text)
        hive->changed = false;
    nt_unlock();
    if (!changed)
        return OK;
    status_t status = text ? write_file(hive, text, length) : ERR_NO_MEMORY;
    free(text);
    if (status != OK) {
        LOG_ONCE("the registry cannot be saved");
        nt_lock();
        hive->changed = true;
        nt_unlock();
    }
    return status;
}

static status_t save_all(void)
{
    status_t status = OK;
    mutex_lock(&saving);
    for (uint32_t i = 0; i < HIVES; i++) {
        status_t saved = save_hive(&hives[i]);
        status = status == OK ? saved : status;
    }
    mutex_unlock(&saving);
    return status;
}

static bool any_changed(void)
{
    for (uint32_t i = 0; i < HIVES; i++)
        if (hives[i].changed)
            return true;
    return false;
}

static void save_thread(void *argument)
{
    (void)argument;
    for (;;) {
        nt_lock();
        while (!any_changed())
            condition_wait(&something_changed, &nt_mutex);
        nt_unlock();
        time_sleep(SAVE_DELAY);
        (void)save_all();
    }
}

void registry_store_changed(const struct key *key)
{
    const struct key *top = key;
    if (!ready || key->is_volatile)
        return;
    while (top->parent && top->parent != &registry_root)
        top = top->parent;
    for (uint32_t i = 0; i < HIVES; i++) {
        if (hives[i].key != top || hives[i].changed)
            continue;
        hives[i].changed = true;
        condition_signal(&something_changed);
    }
}

NTSTATUS registry_store_flush(void)
{
    return nt_status(BLOCKING(save_all()));
}

void registry_store_start(handle_t root)
{
    context = (struct fs_walk_context){.root = root, .cwd = root, .flags = CALL_UNINTERRUPTIBLE};
    if (fs_client_root(&context) != OK)
        return;
    load_given(DEFAULTS);
    for (uint32_t i = 0; i < HIVES; i++) {
        hives[i].key = key_find_child(&registry_root, hives[i].root);
        load_hive(&hives[i]);
    }
    load_zones();
    ready = true;
    if (thread_spawn(save_thread, NULL, 0, NULL) != OK)
        process_fail("registry thread", ERR_NO_MEMORY);
}
