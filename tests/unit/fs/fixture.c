/* SPDX-License-Identifier: MIT */
/* See fixture.h. */
#include "fixture.h"

struct fs_server first, second;
handle_t first_root, second_root;
struct fs_walk_context context;
struct fs_path_result result;

static handle_t start_server(struct fs_server *server)
{
    handle_t port = kernel_port(server), root;
    struct memfs_node *node = memfs_new_root(server);
    assert_int_equal(fs_server_init(server, port, &memfs_ops, &node->base), OK);
    assert_int_equal(port_badge(port, FS_BADGE_ROOT, &root), OK);
    return root;
}

status_t run(uint32_t op, const char *path, uint32_t flags, uint32_t mode, const char *extra)
{
    struct fs_path_args args = {.op = op, .flags = flags, .mode = mode, .extra = extra};
    args.extra_length = extra == NULL ? 0 : strlen(extra);
    return fs_client_path(&context, HANDLE_NONE, path, strlen(path), &args, &result);
}

status_t make_directory(const char *path)
{
    return run(FS_OP_MKDIR, path, 0, 0755, NULL);
}

handle_t open_file(const char *path, uint32_t flags)
{
    assert_int_equal(run(FS_OP_OPEN, path, flags, 0644, NULL), OK);
    return result.node;
}

void make_file(const char *path, const char *content)
{
    size_t done;
    handle_t node = open_file(path, FS_O_WRITE | FS_O_CREATE | FS_O_TRUNCATE);
    assert_int_equal(fs_client_write(node, FS_POSITION, content, strlen(content), &done, NULL), OK);
    handle_drop(&node);
}

void expect_content(const char *path, const char *content)
{
    char bytes[256];
    size_t done;
    handle_t node = open_file(path, FS_O_READ);
    assert_int_equal(fs_client_read(node, 0, bytes, sizeof bytes, &done), OK);
    assert_int_equal(done, strlen(content));
    assert_memory_equal(bytes, content, done);
    handle_drop(&node);
}

status_t stat_path(const char *path, uint32_t flags)
{
    return run(FS_OP_STAT, path, flags, 0, NULL);
}

status_t rename_path(const char *from, const char *to, uint32_t flags)
{
    return fs_client_rename(&context, HANDLE_NONE, from, strlen(from), HANDLE_NONE, to, strlen(to),
                            flags);
}

void expect_name(const char *path, const char *name)
{
    char text[256];
    handle_t node = open_file(path, FS_O_NODE | FS_O_DIRECTORY);
    assert_int_equal(fs_client_name_of(node, text, sizeof text), OK);
    assert_string_equal(text, name);
    handle_drop(&node);
}

int set_up(void **state)
{
    (void)state;
    first_root = start_server(&first);
    second_root = start_server(&second);
    context = (struct fs_walk_context){.root = first_root, .cwd = first_root};
    assert_int_equal(fs_client_root(&context), OK);
    assert_int_equal(make_directory("/mnt"), OK);
    handle_t directory = open_file("/mnt", FS_O_NODE);
    assert_int_equal(fs_client_mount(directory, first_root, second_root, "/mnt"), OK);
    handle_drop(&directory);
    return 0;
}

/* What is not freed by this has lost a reference: the leak checker says so. */
static void empty_directory(struct memfs_node *directory)
{
    while (directory->directory.first != NULL) {
        struct memfs_entry *entry = directory->directory.first;
        struct fs_node *node = fs_node_get(&entry->node->base);
        if ((entry->node->mode & FS_TYPE_MASK) == FS_TYPE_DIRECTORY)
            empty_directory(entry->node);
        assert_int_equal(memfs_unlink(&directory->base, entry->name, entry->length, node), OK);
        fs_node_put(node);
    }
}

static void free_tree(struct fs_server *server)
{
    struct memfs_node *root = (struct memfs_node *)server->root;
    empty_directory(root);
    free(root->directory.buckets);
    free(root);
}

/* Takes everything away by the protocol and sees that no node or handle was lost. */
int tear_down(void **state)
{
    (void)state;
    context.uid = 0;
    handle_t directory = open_file("/mnt", FS_O_NODE | FS_O_COVERED);
    struct ipc ipc;
    ipc_begin(&ipc, LABEL_fs_unmount, NULL, 0);
    assert_int_equal(ipc_call(&ipc, directory, NULL, 0), OK);
    handle_drop(&directory);
    handle_drop(&second.parent);
    free_tree(&first);
    free_tree(&second);
    handle_drop(&first.changes_vmo);
    handle_drop(&second.changes_vmo);
    handle_drop(&first_root);
    handle_drop(&second_root);
    handle_drop(&first.service.port);
    handle_drop(&second.service.port);
    free(first.opens);
    free(second.opens);
    assert_int_equal(kernel_handle_count(), 0);
    return 0;
}

int main(void)
{
    return test_paths() + test_entries() + test_content() + test_access() + test_archives() +
           test_nt_names();
}
