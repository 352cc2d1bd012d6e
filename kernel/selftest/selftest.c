/* SPDX-License-Identifier: MIT */
/*
 * Runs the kernel's self-tests and prints a line for each and the sum. After the tests in the
 * kernel it looks for a boot module that is the program of user/ (its ELF note says "selftest"),
 * runs it with all privileges, and adds what it reports in its exit code.
 */
#include <kernel/ipc.h>
#include <kernel/log.h>
#include <kernel/selftest/selftest.h>
#include <kernel/selftest/user/report.h>

static uint32_t passed, failed;
static const char *running;
static bool running_failed;

void selftest_fail(const char *file, int line, const char *text)
{
    running_failed = true;
    log_print("FAIL %s: %s:%d: %s\n", running, file, line, text);
}

void selftest_group(const struct selftest *tests, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        running = tests[i].name;
        running_failed = false;
        tests[i].run();
        if (running_failed) {
            failed++;
        } else {
            passed++;
            log_print("PASS %s\n", running);
        }
    }
}

static bool is_test_program(struct vmo *image)
{
    struct load_result loaded;
    struct space *space;
    bool found = false;

    if (space_new(SPACE_NATIVE, NULL, NULL, &space) != OK)
        return false;
    if (space_load_image(space, image, 0, LOAD_RESERVE_ONLY, &loaded) == OK)
        found = !__builtin_strcmp(loaded.personality, "selftest");
    object_release(space_object(space));
    return found;
}

static void run_program(struct vmo *image)
{
    struct process *process;

    running = "program";
    if (boot_start_program("selftest", image, &process) != OK ||
        object_wait(&process->object, SIGNAL_TERMINATED, DEADLINE_NEVER, false) != OK) {
        selftest_fail(__FILE__, __LINE__, "cannot run the test program");
        failed++;
        return;
    }
    uint32_t report = (uint32_t)process->exit_code;
    if (!(report & REPORT_COMPLETE)) {
        selftest_fail(__FILE__, __LINE__, "the test program ended before its time");
        failed++;
    } else {
        passed += REPORT_PASSED(report);
        failed += REPORT_FAILED(report);
    }
    object_release(&process->object);
}

void selftest_run(void)
{
    struct vmo *image;

    selftest_objects();
    selftest_threads();
    selftest_memory();
    for (uint32_t i = 0; (image = boot_module(i)); i++)
        if (is_test_program(image))
            run_program(image);
    log_print("kernel self-test: %u passed, %u failed\n", passed, failed);
}
