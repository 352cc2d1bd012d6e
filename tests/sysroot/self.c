/* SPDX-License-Identifier: MIT */
/*
 * self FILE: a program with a thread that counts takes a snapshot of itself, and says on both sides what it finds. The
 * thread goes on from the number that it had reached; what was in a pipe is there; a failure leaves no file.
 */
#include <atomik/snapshot.h>
#include <pthread.h>
#include <unistd.h>

#include "check.h"

static volatile int goal, reached;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;

static void *count(void *unused)
{
    (void)unused;
    pthread_mutex_lock(&lock);
    for (;;) {
        while (reached == goal)
            pthread_cond_wait(&changed, &lock);
        reached++;
        pthread_cond_broadcast(&changed);
    }
    return NULL;
}

static void count_to(int number)
{
    pthread_mutex_lock(&lock);
    goal = number;
    pthread_cond_broadcast(&changed);
    while (reached != goal)
        pthread_cond_wait(&changed, &lock);
    pthread_mutex_unlock(&lock);
}

static void refused(const char *path, unsigned flags, int error)
{
    errno = 0;
    CHECK(atomik_snapshot(path, flags) == -1);
    CHECK(errno == error);
}

int main(int argc, char **argv)
{
    int ends[2];
    char text[6] = "";
    pthread_t thread;
    if (argc != 2)
        return 2;
    CHECK(pipe(ends) == 0);
    CHECK(write(ends[1], "hello", 5) == 5);
    CHECK(pthread_create(&thread, NULL, count, NULL) == 0);
    count_to(100);
    refused("/no/such/directory/file", 0, ENOENT);
    refused("", 0, ENOENT);
    refused("/proc/1/x", 0, ENOENT);
    refused(argv[1], 1u << 30, EINVAL);
    refused((const char *)1, 0, EFAULT);
    CHECK(access(argv[1], F_OK) == -1);
    int result = atomik_snapshot(argv[1], ATOMIK_SNAPSHOT_NO_TEXT);
    CHECK(result == 0 || result == 1);
    CHECK(access(argv[1], F_OK) == 0);
    count_to(result ? 300 : 200);
    CHECK(read(ends[0], text, 5) == 5);
    printf("%s: %s, %d\n", result ? "from the file" : "goes on", text, reached);
    return finish() ? 1 : 10 + result;
}
