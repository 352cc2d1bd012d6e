/* SPDX-License-Identifier: MIT */
/*
 * Processes of all personalities: `atop` shows them and again every two seconds until q is typed;
 * `atop -b` or `atop -n N` prints the table once or N times, `atop -c` how many processes, threads
 * and objects the kernel holds.
 */
#include <atomik/file.h>
#include <atomik/startup.h>
#include <atomik/syscall.h>
#include <atomik/time.h>
#include <ipc/initclient.h>
#include <ipc/ttyclient.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INTERVAL      (2 * NS_PER_S)
#define COMMAND_WIDTH 44

static const char *personality_name(uint32_t number)
{
    static char name[32];
    uint32_t processes;
    if (number == 0)
        return "init";
    if (init_personality_name(startup_handle(STARTUP_INIT), number - 1, name, sizeof name,
                              &processes) != OK)
        return "?";
    return name;
}

static void print_summary(void)
{
    struct system_info info;
    if (system_info(&info) != OK)
        return;
    uint64_t idle = (uint64_t)info.idle_time_high << 32 | info.idle_time_low;
    printf("memory %u of %u KiB free, %u KiB kernel; %u threads; up %llu s, idle %llu s\n",
           (unsigned)info.free_pages * 4, (unsigned)info.total_pages * 4,
           (unsigned)info.kernel_pages * 4, (unsigned)info.threads,
           (unsigned long long)(time_monotonic() / NS_PER_S),
           (unsigned long long)(idle / NS_PER_S));
}

/* The command line is argv with NULs between; the name if its personality does not say. */
static void print_command(char *command, size_t length, const char *name)
{
    for (size_t i = 0; i + 1 < length; i++)
        if (command[i] == 0)
            command[i] = ' ';
    printf("%.*s\n", COMMAND_WIDTH, length > 0 ? command : name);
}

static void print_process(const struct proc_record *record, const char *name)
{
    struct proc_stats stats = {0};
    char command[MESSAGE_BYTES];
    size_t length = 0;
    if (init_proc_stats(startup_handle(STARTUP_INIT), record->pid, &stats, command,
                        sizeof command - 1, &length) != OK)
        stats = (struct proc_stats){.state = record->state};
    command[length] = 0;
    uint64_t hundredths = stats.cpu_time / (NS_PER_S / 100);
    printf("%5u %5u %-8s %c %7u %6llu.%02llu ", (unsigned)record->pid, (unsigned)record->ppid,
           personality_name(record->personality), stats.state ? (char)stats.state : '?',
           (unsigned)stats.resident_pages * 4, (unsigned long long)(hundredths / 100),
           (unsigned long long)(hundredths % 100));
    print_command(command, length, name);
}

static void print_table(void)
{
    struct proc_record record = {0};
    char name[64];
    print_summary();
    printf("%5s %5s %-8s %s %7s %9s %s\n", "PID", "PPID", "KIND", "S", "KiB", "CPU s", "COMMAND");
    while (init_proc_info(startup_handle(STARTUP_INIT), record.pid, true, &record, name,
                          sizeof name) == OK)
        print_process(&record, name);
    fflush(stdout);
}

/* Waits for the next picture; false if q was typed. */
static bool wait_for_key(handle_t terminal, handle_t event)
{
    struct wait_item item = {.handle = event, .wanted = TTY_READABLE};
    char key;
    size_t got = 0;
    if (wait_any(&item, 1, time_monotonic() + INTERVAL) != OK)
        return true;
    return tty_client_read(terminal, &key, 1, TTY_NONBLOCK, 0, 0, &got) != OK || got == 0 ||
           key != 'q';
}

static void watch(handle_t terminal, handle_t event)
{
    struct tty_attributes saved, raw;
    if (tty_client_get_attributes(terminal, &saved) != OK)
        return;
    raw = saved;
    raw.lflag &= ~(uint32_t)(2 | 8); /* neither lines nor echo */
    if (tty_client_set_attributes(terminal, &raw, 0) != OK)
        return;
    do {
        printf("\033[H\033[2J");
        print_table();
    } while (wait_for_key(terminal, event));
    if (tty_client_set_attributes(terminal, &saved, 0) != OK)
        fprintf(stderr, "atop: the terminal's settings could not be restored\n");
}

static int print_counts(void)
{
    struct system_info info;
    if (system_info(&info) != OK)
        return 1;
    printf("%u %u %u\n", (unsigned)info.processes, (unsigned)info.threads, (unsigned)info.objects);
    return 0;
}

static int usage(void)
{
    fprintf(stderr, "usage: atop [-b] [-c] [-n times]\n");
    return 2;
}

int main(int argc, char **argv)
{
    handle_t terminal, event;
    struct start_fd info;
    int times = 0;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "-b") == 0)
            times = times ? times : 1;
        else if (strcmp(argv[i], "-c") == 0)
            return print_counts();
        else if (strcmp(argv[i], "-n") == 0 && i + 1 < argc)
            times = atoi(argv[++i]);
        else
            return usage();
    }
    if (times == 0 && file_is_terminal(1) && file_info(0, &info, &terminal, &event) == OK &&
        info.kind == FD_TTY) {
        watch(terminal, event);
        return 0;
    }
    for (int i = 0; i < (times > 0 ? times : 1); i++) {
        if (i > 0)
            time_sleep(INTERVAL);
        print_table();
    }
    return 0;
}
