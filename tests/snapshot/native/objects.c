/* SPDX-License-Identifier: MIT */
/*
 * A native program that has something of everything in use: threads that wait for a mutex, a condition,
 * a stream, a port and a timer; memory shared through a handle; open files. What it prints does not
 * depend on when which thread runs, nor on how often it is saved and restored.
 */
#include <atomik/file.h>
#include <atomik/startup.h>
#include <atomik/syscall.h>
#include <atomik/thread.h>
#include <atomik/time.h>
#include <protocols/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROUNDS 60u
#define TICK   (5 * NS_PER_MS)

enum { LABEL_ADD = 0x7001, BADGE_MAIN = 7, BADGE_WORKER = 8 };

static struct mutex lock;
static struct condition changed;
static uint32_t turn, results[2];
static handle_t port, callers[2], ends[2], memory, finished;

static void check(const char *what, status_t status)
{
    if (status == OK)
        return;
    printf("%s: %s\n", what, status_text(status));
    process_end(1);
}

/* Adds what it is asked to what the badge has so far. */
static void server(void *unused)
{
    uint32_t sums[16] = {0};
    struct message message = {.token = 0};
    (void)unused;
    for (;;) {
        check("receive", port_reply_receive(port, &message, DEADLINE_NEVER));
        if (message.token == 0)
            continue;
        uint32_t value;
        memcpy(&value, message.data, sizeof value);
        sums[message.badge % 16] += value;
        memcpy(message.data, &sums[message.badge % 16], sizeof value);
        message.label = OK;
    }
}

static uint32_t add(handle_t caller, uint32_t value)
{
    struct message message = {.label = LABEL_ADD, .size = sizeof value};
    memcpy(message.data, &value, sizeof value);
    check("call", port_call(caller, &message, DEADLINE_NEVER, 0));
    memcpy(&value, message.data, sizeof value);
    return value;
}

/* Takes turns with the other one; each keeps a number in floating point registers. */
static void worker(void *argument)
{
    uint32_t number = (uint32_t)(uintptr_t)argument;
    double value = 1.0 + number;
    for (uint32_t i = 0; i < ROUNDS; i++) {
        mutex_lock(&lock);
        while (turn % 2 != number)
            condition_wait(&changed, &lock);
        for (uint32_t j = 0; j < 20000; j++)
            value = value * 1.000001 + 0.5;
        results[number] = (uint32_t)value;
        turn++;
        condition_broadcast(&changed);
        mutex_unlock(&lock);
        uint32_t sum = add(callers[1], i), done;
        if (number == 0)
            check("write", stream_write(ends[1], &sum, sizeof sum, &done, DEADLINE_NEVER));
    }
    check("signal", event_signal(finished, 0, SIGNAL_SET << number));
}

static void begin(uint32_t **shared)
{
    struct map_request map = {
        .length = PAGE_SIZE, .prot = PROT_R | PROT_W, .flags = MAP_FLAG_SHARED};
    check("port", port_create(&port));
    check("badge", port_badge(port, BADGE_MAIN, &callers[0]));
    check("badge", port_badge(port, BADGE_WORKER, &callers[1]));
    check("stream", stream_create(64, &ends[0], &ends[1]));
    check("memory", vmo_create(0, PAGE_SIZE, &memory));
    check("event", event_create(0, &finished));
    map.vmo = memory;
    check("map", space_map(HANDLE_SELF, &map));
    *shared = (uint32_t *)map.address;
    check("thread", thread_spawn(server, NULL, 0, NULL));
    check("thread", thread_spawn(worker, (void *)0, 0, NULL));
    check("thread", thread_spawn(worker, (void *)1, 0, NULL));
}

static void wait_for(handle_t handle, uint32_t signals)
{
    struct wait_item item = {.handle = handle, .wanted = signals};
    check("wait", wait_any(&item, 1, time_monotonic() + 60 * NS_PER_S));
}

/* The whole file again; what it adds up to. */
static uint32_t read_back(int file)
{
    static uint32_t words[40000 / 4];
    uint64_t position;
    uint32_t sum = 0;
    size_t done;
    check("seek", file_seek(file, 0, 0, &position));
    check("read", file_read(file, words, sizeof words, &done));
    for (uint32_t i = 0; i < done / 4; i++)
        sum += words[i];
    return sum + (uint32_t)done;
}

int main(void)
{
    uint32_t *shared, block[128], total = 0, done;
    handle_t timer;
    int file;
    begin(&shared);
    check("open", file_open("native.data", FS_O_READ | FS_O_WRITE | FS_O_CREATE | FS_O_TRUNCATE,
                            0600, &file));
    check("timer", timer_create(&timer));
    check("timer", timer_set(timer, time_monotonic() + TICK, TICK));
    for (uint32_t i = 0; i < ROUNDS; i++) {
        uint32_t value;
        size_t written;
        wait_for(timer, SIGNAL_EXPIRED);
        check("timer", timer_set(timer, time_monotonic() + TICK, TICK));
        check("read", stream_read(ends[0], &value, sizeof value, &done, DEADLINE_NEVER));
        uint32_t sum = add(callers[0], i);
        check("memory", vmo_read(memory, 0, &total, sizeof total));
        *shared = total + i;
        for (uint32_t j = 0; j < 128; j++)
            block[j] = sum + j;
        check("write", file_write(file, block, sizeof block, &written));
        printf("%u: %u, %u in memory, %u bytes\n", (unsigned)i, (unsigned)sum, (unsigned)*shared,
               (unsigned)done);
        fflush(stdout);
    }
    wait_for(finished, SIGNAL_SET);
    wait_for(finished, SIGNAL_SET << 1);
    printf("file %u\n", (unsigned)read_back(file));
    printf("workers %u %u, %u\n", (unsigned)results[0], (unsigned)results[1],
           (unsigned)add(callers[1], 0));
    return 6;
}
