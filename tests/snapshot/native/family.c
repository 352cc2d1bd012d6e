/* SPDX-License-Identifier: MIT */
/*
 * A native program with children: one of its own kind, which writes into a pipe that it reads; a Unix
 * program that copies from another pipe to the output; and one that has ended and is not waited for
 * until the end. What is printed does not depend on how often all of them are saved and restored.
 */
#include <atomik/file.h>
#include <atomik/startup.h>
#include <atomik/syscall.h>
#include <atomik/time.h>
#include <stdio.h>
#include <string.h>

#define ROUNDS 40u
#define TICK   (10 * NS_PER_MS)

static void check(const char *what, status_t status)
{
    if (status == OK)
        return;
    printf("%s: %s\n", what, status_text(status));
    process_end(1);
}

static void say(int fd, const char *name, uint32_t number)
{
    char line[32];
    size_t done;
    int length = snprintf(line, sizeof line, "%s %u\n", name, (unsigned)number);
    check("write", file_write(fd, line, (size_t)length, &done));
}

static int child(void)
{
    for (uint32_t i = 0; i < ROUNDS; i++) {
        say(1, "child", i);
        time_sleep(TICK);
    }
    return 5;
}

static void wait_for(const char *name, uint32_t pid)
{
    int32_t status = 0;
    check(name, wait_pid(pid, &status));
    say(1, name, (uint32_t)status >> 8);
}

int main(int argc, char **argv)
{
    if (argc > 1)
        return child();
    char *const child_argv[] = {argv[0], (char *)"child", NULL};
    char *const cat_argv[] = {(char *)"cat", NULL};
    char *const false_argv[] = {(char *)"false", NULL};
    int from[2], to[2];
    uint32_t own, cat, ended;
    check("pipe", file_pipe(from));
    check("pipe", file_pipe(to));
    check("child", spawn(argv[0], child_argv, (const int[]){0, from[1], 2}, &own));
    check("cat", spawn("/bin/cat", cat_argv, (const int[]){to[0], 1, 2}, &cat));
    check("false", spawn("/bin/false", false_argv, NULL, &ended));
    check("close", file_close(from[1]));
    check("close", file_close(to[0]));
    uint32_t total = 0;
    for (;;) {
        char bytes[64];
        size_t length, done;
        check("read", file_read(from[0], bytes, sizeof bytes, &length));
        if (length == 0)
            break;
        total += (uint32_t)length;
        check("write", file_write(to[1], bytes, length, &done));
    }
    check("close", file_close(to[1]));
    wait_for("cat", cat);
    wait_for("child", own);
    wait_for("false", ended);
    say(1, "bytes", total);
    return 3;
}
