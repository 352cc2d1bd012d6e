/* SPDX-License-Identifier: MIT */
/*
 * What the tests of file systems share: two memfs servers, the second one mounted at /mnt of the first, made
 * anew for each test; and short forms of requests. A test's end sees that no node or handle was lost.
 */
#ifndef TEST_FIXTURE_H
#define TEST_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <atomik/syscall.h>
#include <ipc/call.h>
#include <ipc/fsclient.h>

#include "kernel.h"
#include "servers/memfs/memfs.h"

extern struct fs_server first, second;
extern handle_t first_root, second_root;
extern struct fs_walk_context context; /* who asks, from the first root */
extern struct fs_path_result result;   /* of the last request */

int set_up(void **state);
int tear_down(void **state);
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

status_t run(uint32_t op, const char *path, uint32_t flags, uint32_t mode, const char *extra);
status_t make_directory(const char *path);
status_t stat_path(const char *path, uint32_t flags);
status_t rename_path(const char *from, const char *to, uint32_t flags);
handle_t open_file(const char *path, uint32_t flags); /* it must succeed */
void make_file(const char *path, const char *content);
void expect_content(const char *path, const char *content);
/* The path that the directory says it has. */
void expect_name(const char *path, const char *name);

/* The groups: how many of their tests failed. */
int test_paths(void);
int test_entries(void);
int test_content(void);
int test_access(void);
int test_archives(void);
int test_nt_names(void);

#endif
