/* SPDX-License-Identifier: MIT */
/* Who may do what: modes, users, locks, shares and claims. */
#include "fixture.h"

static void modes_bind_everybody_but_root(void **state)
{
    (void)state;
    assert_int_equal(make_directory("/d"), OK);
    make_file("/d/f", "x");
    context.uid = context.gid = 1000;
    assert_int_equal(run(FS_OP_OPEN, "/d/f", FS_O_WRITE, 0, NULL), ERR_ACCESS_DENIED);
    assert_int_equal(run(FS_OP_UNLINK, "/d/f", 0, 0, NULL), ERR_ACCESS_DENIED);
    assert_int_equal(make_directory("/d/x"), ERR_ACCESS_DENIED);
    context.uid = context.gid = 0;
    assert_int_equal(run(FS_OP_MKDIR, "/tmp", 0, 01777, NULL), OK);
    make_file("/tmp/roots", "x");
    context.uid = 1000;
    make_file("/tmp/mine", "x");
    assert_int_equal(run(FS_OP_UNLINK, "/tmp/roots", 0, 0, NULL), ERR_NOT_PERMITTED);
    assert_int_equal(run(FS_OP_UNLINK, "/tmp/mine", 0, 0, NULL), OK);
    assert_int_equal(run(FS_OP_MKNOD, "/tmp/null", 0, FS_TYPE_CHARACTER | 0666, NULL),
                     ERR_NOT_PERMITTED);
    handle_t node = open_file("/tmp/roots", FS_O_READ);
    struct fs_attr attr = {.mode = 0777};
    assert_int_equal(fs_client_setattr(node, FS_ATTR_MODE, &attr, NULL), ERR_NOT_PERMITTED);
    handle_drop(&node);
}

static status_t lock(handle_t node, uint32_t op, uint32_t type, uint64_t start, uint64_t length,
                     uint32_t owner, struct fs_lock_reply *reply)
{
    struct fs_lock_request request = {
        .op = op, .type = type, .start = start, .length = length, .owner = owner};
    struct message message = {.label = LABEL_fs_lock, .size = sizeof request};
    memcpy(message.data, &request, sizeof request);
    status_t status = port_call(node, &message, DEADLINE_NEVER, 0);
    memcpy(reply, message.data, sizeof *reply);
    if (status == ERR_SHOULD_WAIT)
        reply->owner = message.token;
    return status == OK ? (status_t)message.label : status;
}

static void who_acts_for_a_user_is_not_believed(void **state)
{
    const struct fs_attr theirs = {.mode = 04755, .uid = 0}, own = {.mode = 0600};
    struct fs_attr attr;
    handle_t again;
    (void)state;
    make_file("/secret", "x");
    handle_t roots = open_file("/secret", FS_O_READ | FS_O_WRITE);
    assert_int_equal(fs_client_setattr(roots, FS_ATTR_MODE, &own, NULL), OK);
    assert_int_equal(make_directory("/open"), OK);
    handle_t directory = open_file("/open", FS_O_READ | FS_O_DIRECTORY);
    assert_int_equal(
        fs_client_setattr(directory, FS_ATTR_MODE, &(struct fs_attr){.mode = 0777}, NULL), OK);

    kernel_principal = 7; /* and it still says that it is root: context.uid is 0 */
    assert_int_equal(run(FS_OP_OPEN, "/secret", FS_O_READ, 0, NULL), ERR_ACCESS_DENIED);
    assert_int_equal(run(FS_OP_UNLINK, "/secret", 0, 0, NULL), ERR_ACCESS_DENIED);
    handle_t named = open_file("/secret", FS_O_NODE);
    assert_int_equal(fs_client_reopen(named, FS_O_READ, &again), ERR_ACCESS_DENIED);
    assert_int_equal(fs_client_reopen(roots, FS_O_READ, &again), ERR_ACCESS_DENIED);
    assert_int_equal(fs_client_setattr(roots, FS_ATTR_MODE | FS_ATTR_CHECKED, &theirs, NULL),
                     ERR_NOT_PERMITTED);
    assert_int_equal(fs_client_mount(directory, first_root, second_root, "/open"),
                     ERR_NOT_PERMITTED);
    handle_t made = open_file("/open/made", FS_O_WRITE | FS_O_CREATE);
    assert_int_equal(fs_client_stat(made, &attr), OK);
    assert_int_equal(attr.uid, 7);
    assert_int_equal(attr.gid, 7);
    assert_int_equal(fs_client_setattr(made, FS_ATTR_MODE, &own, NULL), OK);
    assert_int_equal(fs_client_setattr(made, FS_ATTR_UID | FS_ATTR_CHECKED, &theirs, NULL),
                     ERR_NOT_PERMITTED);
    kernel_principal = 0;
    handle_drop(&made);
    handle_drop(&named);
    handle_drop(&directory);
    handle_drop(&roots);
}

static void locks_exclude_and_wait(void **state)
{
    struct fs_lock_reply reply;
    (void)state;
    make_file("/f", "x");
    handle_t node = open_file("/f", FS_O_READ | FS_O_WRITE);
    assert_int_equal(lock(node, 1, 2, 10, 10, 1, &reply), OK);
    assert_int_equal(lock(node, 1, 1, 15, 1, 2, &reply), ERR_BUSY);
    assert_int_equal(lock(node, 1, 1, 20, 1, 2, &reply), OK);
    assert_int_equal(lock(node, 0, 1, 0, 0, 2, &reply), OK);
    assert_int_equal(reply.type, 2);
    assert_int_equal(reply.start, 10);
    assert_int_equal(lock(node, 2, 2, 12, 1, 3, &reply), ERR_SHOULD_WAIT);
    uint32_t waiting = reply.owner;
    assert_int_equal(lock(node, 1, 0, 11, 2, 1, &reply), OK); /* splits the first lock */
    assert_int_equal(kernel_answered_token, waiting);
    assert_int_equal(kernel_answered_status, OK);
    assert_int_equal(lock(node, 1, 1, 12, 1, 2, &reply), ERR_BUSY);
    assert_int_equal(lock(node, 1, 2, 19, 1, 2, &reply), ERR_BUSY);
    assert_int_equal(lock(node, 2, 2, 12, 1, 1, &reply), ERR_SHOULD_WAIT);
    kernel_cancel(&first, reply.owner);
    kernel_answered_token = 0;
    assert_int_equal(lock(node, 3, 0, 0, 0, 3, &reply), OK);
    assert_int_equal(kernel_answered_token, 0);
    handle_drop(&node);
}

static void who_denies_writing_and_who_writes_exclude_each_other(void **state)
{
    (void)state;
    make_file("/file", "x");
    handle_t writer = open_file("/file", FS_O_WRITE);
    assert_int_equal(run(FS_OP_OPEN, "/file", FS_O_READ | FS_O_DENY_WRITE, 0, NULL), ERR_TEXT_BUSY);
    handle_drop(&writer);
    handle_t denier = open_file("/file", FS_O_READ | FS_O_DENY_WRITE);
    handle_t reader = open_file("/file", FS_O_READ),
             other = open_file("/file", FS_O_READ | FS_O_DENY_WRITE);
    assert_int_equal(run(FS_OP_OPEN, "/file", FS_O_WRITE, 0, NULL), ERR_TEXT_BUSY);
    assert_int_equal(run(FS_OP_OPEN, "/file", FS_O_WRITE | FS_O_TRUNCATE, 0, NULL), ERR_TEXT_BUSY);
    expect_content("/file", "x");
    handle_drop(&reader);
    handle_drop(&denier);
    assert_int_equal(run(FS_OP_OPEN, "/file", FS_O_WRITE, 0, NULL), ERR_TEXT_BUSY);
    handle_drop(&other);
    writer = open_file("/file", FS_O_WRITE | FS_O_DENY_WRITE);
    assert_int_equal(run(FS_OP_OPEN, "/file", FS_O_WRITE, 0, NULL), ERR_TEXT_BUSY);
    handle_drop(&writer);
}

/* Opens /file with the claim at the beginning of the VMO. */
static status_t open_claimed(handle_t vmo, handle_t *node)
{
    struct fs_path_args args = {
        .op = FS_OP_OPEN, .flags = FS_O_READ | FS_O_DENY_WRITE, .handle = vmo};
    struct fs_path_result result = {.node = HANDLE_NONE};
    status_t status = fs_client_path(&context, HANDLE_NONE, "/file", 5, &args, &result);
    *node = result.node;
    return status;
}

static struct fs_claim set_uses(handle_t vmo, uint32_t uses)
{
    struct fs_claim claim;
    assert_int_equal(vmo_read(vmo, 0, &claim, sizeof claim), OK);
    assert_int_equal(vmo_write(vmo, offsetof(struct fs_claim, uses), &uses, sizeof uses), OK);
    return claim;
}

static void a_claim_denies_writing_while_it_is_used(void **state)
{
    handle_t vmo, node, other, writer;
    (void)state;
    make_file("/file", "x");
    assert_int_equal(vmo_create(0, PAGE_SIZE, &vmo), OK);
    set_uses(vmo, 1);
    assert_int_equal(open_claimed(vmo, &node), OK);
    assert_int_equal(run(FS_OP_OPEN, "/file", FS_O_WRITE, 0, NULL), ERR_TEXT_BUSY);
    assert_int_equal(set_uses(vmo, 0).withdrawn, 0);
    writer = open_file("/file", FS_O_WRITE);
    assert_int_equal(set_uses(vmo, 1).withdrawn, 1);
    handle_drop(&writer);
    writer = open_file("/file", FS_O_WRITE); /* it has been withdrawn for good */
    assert_int_equal(open_claimed(vmo, &other), ERR_TEXT_BUSY);
    handle_drop(&writer);
    handle_drop(&node);
    handle_drop(&vmo);
}

static void a_claim_whose_memory_is_gone_denies_until_its_node_is_closed(void **state)
{
    handle_t vmo, node, file = open_file("/", FS_O_READ | FS_O_DIRECTORY);
    (void)state;
    make_file("/file", "x");
    assert_int_equal(open_claimed(file, &node), ERR_BAD_HANDLE);
    handle_drop(&file);
    assert_int_equal(vmo_create(0, PAGE_SIZE, &vmo), OK);
    assert_int_equal(open_claimed(vmo, &node), OK);
    assert_int_equal(vmo_set_size(vmo, 0), OK);
    assert_int_equal(run(FS_OP_OPEN, "/file", FS_O_WRITE, 0, NULL), ERR_TEXT_BUSY);
    handle_drop(&node);
    file = open_file("/file", FS_O_WRITE);
    handle_drop(&file);
    handle_drop(&vmo);
}

int test_access(void)
{
    const struct CMUnitTest tests[] = {
        TEST(modes_bind_everybody_but_root),
        TEST(who_acts_for_a_user_is_not_believed),
        TEST(locks_exclude_and_wait),
        TEST(who_denies_writing_and_who_writes_exclude_each_other),
        TEST(a_claim_denies_writing_while_it_is_used),
        TEST(a_claim_whose_memory_is_gone_denies_until_its_node_is_closed),
    };
    return cmocka_run_group_tests_name("access", tests, NULL, NULL);
}
