/* SPDX-License-Identifier: MIT */
/* The page that tells clients which of the names they remember are still right: struct fs_changes. */
#include <atomik/syscall.h>
#include <ipc/call.h>

#include "internal.h"

_Static_assert(sizeof(struct fs_changes) == FS_CHANGES_SIZE, "one page");

status_t fs_changes_init(struct fs_server *server)
{
    if (!server->ops->sole)
        return OK;
    status_t status = vmo_create(0, FS_CHANGES_SIZE, &server->changes_vmo);
    if (status != OK)
        return status;
    struct map_request map = {.vmo = server->changes_vmo,
                              .length = FS_CHANGES_SIZE,
                              .prot = PROT_R | PROT_W,
                              .flags = MAP_FLAG_SHARED};
    status = space_map(HANDLE_SELF, &map);
    if (status != OK)
        return status;
    server->changes = (struct fs_changes *)(uintptr_t)map.address;
    server->changes->valid = 1;
    return OK;
}

void fs_changed(struct fs_node *node)
{
    struct fs_changes *changes = node != NULL ? node->server->changes : NULL;
    if (changes == NULL)
        return;
    if (changes->now == UINT32_MAX)
        __atomic_store_n(&changes->valid, 0, __ATOMIC_RELEASE);
    else
        changes->now++;
    __atomic_store_n(&changes->last[fs_changes_place(node->ino)], changes->now, __ATOMIC_RELEASE);
}

void fs_changed_all(struct fs_server *server)
{
    struct fs_changes *changes = server->changes;
    fs_changed(server->root);
    for (uint32_t i = 0; changes != NULL && i < FS_CHANGES_WORDS; i++)
        __atomic_store_n(&changes->last[i], changes->now, __ATOMIC_RELEASE);
}

void fs_passed(struct walk *walk, const struct fs_node *node)
{
    uint16_t place = (uint16_t)fs_changes_place(node->ino);
    if (walk->place_count > 0 && walk->place_count <= FS_PLACES_MAX &&
        walk->places[walk->place_count - 1] == place)
        return;
    if (walk->place_count < FS_PLACES_MAX)
        walk->places[walk->place_count] = place;
    if (walk->place_count <= FS_PLACES_MAX)
        walk->place_count++;
}

void fs_passed_last(struct walk *walk)
{
    uint32_t before = walk->place_count;
    fs_passed(walk, walk->node);
    walk->own_place = walk->place_count != before;
}

void fs_tell_places(struct fs_server *server, const struct walk *walk, struct fs_path_reply *reply)
{
    if (server->changes == NULL || walk->place_count > FS_PLACES_MAX)
        return;
    reply->change = server->changes->now;
    reply->place_count = (uint16_t)walk->place_count;
    reply->own_place = walk->own_place;
    for (uint32_t i = 0; i < walk->place_count; i++)
        reply->places[i] = walk->places[i];
}

status_t fs_handle_changes(struct service *service, struct message *message)
{
    struct fs_server *server = fs_server_of(service);
    handle_t copy;
    if (fs_open_of(server, message->badge) == NULL)
        return ERR_BAD_HANDLE;
    if (server->changes == NULL)
        return ERR_NOT_SUPPORTED;
    status_t status =
        handle_duplicate(server->changes_vmo, RIGHT_READ | RIGHT_MAP | RIGHT_TRANSFER, &copy);
    if (status != OK)
        return status;
    service_reply(message, 0);
    service_handle(message, copy);
    return OK;
}
