/* SPDX-License-Identifier: MIT */
/*
 * The order in which the kernel comes up, and the idle loop. Called by arch with the processor's
 * tables, the clock and the log ready, interrupts off.
 */
#include <kernel/log.h>
#include <kernel/memory.h>
#include <kernel/thread.h>

/* True if the command line has this blank-separated token. */
static bool boot_option(const char *token)
{
    const char *at = boot_info.cmdline;

    while (*at) {
        const char *wanted = token;

        while (*wanted && *at == *wanted)
            at++, wanted++;
        if (!*wanted && (*at == ' ' || !*at))
            return true;
        while (*at && *at != ' ')
            at++;
        while (*at == ' ')
            at++;
    }
    return false;
}

static void idle(void) __attribute__((noreturn));

static void idle(void)
{
    for (;;) {
        schedule();
        arch_idle();
    }
}

static void run_selftest(void *unused)
{
    (void)unused;
    selftest_run();
    arch_power_off();
    panic("the machine did not switch off after the self-test");
}

void kernel_main(void)
{
    bool selftest = boot_option("selftest");

    log_to_console(selftest || boot_option("verbose"));
    frame_init();
    log_print("Atomik: %u KiB of memory, %u modules, clock %u kHz\n", frame_total() * 4,
              boot_info.module_count, arch_clock_khz());
    thread_system_init();
    random_init();
    clock_init();
    if (selftest) {
        if (thread_create_kernel("selftest", run_selftest, NULL, NULL) != OK)
            panic("no memory for the self-test");
    } else {
        boot_start_init();
    }
    idle();
}
