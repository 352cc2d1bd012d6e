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

/* What the word panic=... of the command line asks for: how a kernel dies, for tests. */
static void overflow_stack(volatile uint32_t *above)
{
    volatile uint32_t words[64];

    words[0] = *above + 1;
    if (words[0] != 0) /* always, but the compiler does not know */
        overflow_stack(words);
    *above = words[0];
}

static void __attribute__((noinline)) die_of_a_fault(void)
{
    *(volatile uint32_t *)(KERNEL_BASE - PAGE_SIZE) = 0;
}

static void die_if_asked(void)
{
    volatile uint32_t word = 0;

    if (boot_option("panic=assert"))
        panic("asked for on the command line");
    if (boot_option("panic=fault"))
        die_of_a_fault();
    if (boot_option("panic=stack"))
        overflow_stack(&word);
}

static void idle(void) __attribute__((noreturn));

static void idle(void)
{
    die_if_asked();
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
    arch_stacks_init();
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
    uint8_t *stack = arch_stack_alloc();
    if (!stack)
        panic("no memory for the idle thread");
    arch_run_on_stack(stack, idle);
}
