/* SPDX-License-Identifier: MIT */
/* Clocks, random bytes, the log, interrupt lines and I/O ports. */
#include <kernel/selftest/user/test.h>

#include <string.h>

static void clocks_run_forward(void)
{
    ktime_t time, before = now(), cpu;

    EXPECT_OK(clock_get(CLOCK_THREAD_CPU_NS, &cpu));
    sleep_ms(10);
    EXPECT(now() >= before + 10 * MS);
    EXPECT_OK(clock_get(CLOCK_REALTIME_NS, &time));
    EXPECT(time > 1600000000ull * 1000000000ull);
    EXPECT_OK(clock_get(CLOCK_THREAD_CPU_NS, &time));
    EXPECT(time >= cpu && time < now());
    EXPECT_STATUS(clock_get(99, &time), ERR_INVALID_ARGUMENT);
    EXPECT_BAD_ADDRESS(clock_get(CLOCK_MONOTONIC_NS, bad));
}

static void realtime_can_be_set(void)
{
    ktime_t time, old;

    EXPECT_OK(clock_get(CLOCK_REALTIME_NS, &old));
    EXPECT_OK(clock_set(1000000000ull * 1000000000ull));
    EXPECT_OK(clock_get(CLOCK_REALTIME_NS, &time));
    EXPECT(time / 1000000000ull == 1000000000ull);
    EXPECT_OK(clock_set(old));
}

static void random_bytes_differ(void)
{
    static uint8_t first[1000], second[1000];
    uint32_t ones = 0;

    EXPECT_OK(random_get(first, sizeof first));
    EXPECT_OK(random_get(second, sizeof second));
    EXPECT(memcmp(first, second, sizeof first));
    for (uint32_t i = 0; i < sizeof first; i++)
        ones += (uint32_t)__builtin_popcount(first[i]);
    EXPECT(ones > 3700 && ones < 4300);
    EXPECT_BAD_ADDRESS(random_get(bad, 16));
    EXPECT_STATUS(random_get(first, 1u << 20), ERR_TOO_LARGE);
    EXPECT_OK(random_get(NULL, 0));
}

static void system_info_adds_up(void)
{
    struct system_info info;

    EXPECT_OK(system_info(&info));
    EXPECT(info.total_pages > info.free_pages && info.free_pages > 1000);
    EXPECT(info.processes >= 1 && info.threads >= 1 && info.objects >= 3);
    EXPECT(info.interrupts && info.context_switches && info.page_faults && info.tsc_khz);
    EXPECT_BAD_ADDRESS(system_info(bad));
}

static void command_line_says_selftest(void)
{
    char text[256];
    uint32_t done;

    EXPECT_OK(system_cmdline(text, sizeof text - 1, &done));
    text[done] = 0;
    EXPECT(strstr(text, "selftest"));
    EXPECT_OK(system_cmdline(text, 2, &done));
    EXPECT(done <= 2);
    EXPECT_BAD_ADDRESS(system_cmdline(bad, 10, &done));
    EXPECT_BAD_ADDRESS(system_cmdline(text, 10, bad));
}

static void log_text_can_be_read_back(void)
{
    static char text[4096];
    uint32_t position = 0, done, next = 0;
    bool found = false;

    do {
        position = next; /* up to the end, so that the line lies in one piece */
        EXPECT_OK(log_read(position, text, sizeof text - 1, &done, &next));
    } while (done);
    EXPECT_OK(log_write("a line to look for", 18));
    do {
        position = next;
        EXPECT_OK(log_read(position, text, sizeof text - 1, &done, &next));
        text[done] = 0;
        found |= strstr(text, "selftest: a line to look for\n") != NULL;
    } while (done);
    EXPECT(found);
    EXPECT_STATUS(log_write(text, 1025), ERR_TOO_LARGE);
    EXPECT_BAD_ADDRESS(log_write(bad, 10));
    EXPECT_BAD_ADDRESS(log_read(0, bad, 10, &done, &next));
    EXPECT_OK(log_read(UINT32_MAX - 5, text, 10, &done, &next));
}

static void bad_power_actions_are_refused(void)
{
    EXPECT_STATUS(system_power(77), ERR_INVALID_ARGUMENT);
}

static void interrupt_line_may_be_shared(void)
{
    handle_t irq, second;

    EXPECT_STATUS(irq_create(16, &irq), ERR_OUT_OF_RANGE);
    EXPECT_STATUS(irq_create(0, &irq), ERR_BUSY);
    EXPECT_BAD_ADDRESS(irq_create(5, bad));
    EXPECT_OK(irq_create(5, &irq));
    EXPECT_OK(irq_create(5, &second));
    EXPECT_OK(irq_ack(irq));
    EXPECT_OK(handle_close(irq));
    EXPECT_OK(irq_ack(second));
    EXPECT_OK(handle_close(second));
}

/* The RTC's update-ended interrupt, once a second, is the one that comes without a device. */
static uint8_t rtc_read(uint8_t index)
{
    uint8_t value;

    __asm__ volatile("outb %0, $0x70" ::"a"(index));
    __asm__ volatile("inb $0x71, %0" : "=a"(value));
    return value;
}

static void rtc_write(uint8_t index, uint8_t value)
{
    __asm__ volatile("outb %0, $0x70" ::"a"(index));
    __asm__ volatile("outb %0, $0x71" ::"a"(value));
}

/* Two share the line: both are told, and only when both have answered is there a next time. */
static uint32_t rtc_interrupts(void *unused)
{
    handle_t ports, irq, other;

    (void)unused;
    if (ioports_create(0x70, 2, &ports) != OK || ioports_enable(ports) != OK)
        return 1;
    if (irq_create(8, &irq) != OK || irq_create(8, &other) != OK)
        return 2;
    uint8_t old = rtc_read(0xb);
    rtc_write(0xb, old | 0x10);
    for (uint32_t i = 0; i < 2; i++) {
        if (wait_for(irq, SIGNAL_IRQ, now() + 3000 * MS) != OK)
            return 3;
        rtc_read(0xc);
        if (irq_ack(irq) != OK || signals_of(irq) || signals_of(other) != SIGNAL_IRQ)
            return 4;
        if (i == 0 && wait_for(irq, SIGNAL_IRQ, now() + 1100 * MS) != ERR_TIMED_OUT)
            return 5;
        if (irq_ack(other) != OK)
            return 6;
    }
    if (handle_close(other) != OK || wait_for(irq, SIGNAL_IRQ, now() + 3000 * MS) != OK)
        return 7;
    rtc_write(0xb, old);
    return 0;
}

static void interrupt_arrives_again_after_each_ack(void)
{
    struct privileges privileges;
    struct child child;

    child_privileges(&privileges);
    privileges.ports[1] = (struct io_range){0x70, 2};
    privileges.irq_lines = 1u << 8;
    EXPECT_OK(child_create(&privileges, &child));
    EXPECT_OK(child_start(&child, rtc_interrupts, NULL));
    sleep_ms(3100);
    EXPECT_STATUS(child_join(&child), 0);
}

static uint32_t leave_range(void *unused)
{
    handle_t ports;

    (void)unused;
    if (ioports_create(0x71, 2, &ports) != ERR_ACCESS_DENIED)
        return 1;
    if (ioports_create(0x70, 2, &ports) != OK || ioports_enable(ports) != OK)
        return 2;
    rtc_read(0);
    __asm__ volatile("inb $0x72, %%al" ::: "eax"); /* ends here */
    return 3;
}

static void ports_beside_the_range_stay_closed(void)
{
    struct privileges privileges;
    struct child child;

    child_privileges(&privileges);
    privileges.ports[0] = (struct io_range){0x70, 2};
    EXPECT_OK(child_create(&privileges, &child));
    EXPECT_OK(child_start(&child, leave_range, NULL));
    EXPECT_STATUS(child_join(&child), 139);
}

static void bad_port_ranges_are_refused(void)
{
    handle_t ports;

    EXPECT_STATUS(ioports_create(0xffff, 2, &ports), ERR_OUT_OF_RANGE);
    EXPECT_STATUS(ioports_create(0, 0, &ports), ERR_OUT_OF_RANGE);
    EXPECT_STATUS(ioports_create(1, UINT32_MAX, &ports), ERR_OUT_OF_RANGE);
    EXPECT_BAD_ADDRESS(ioports_create(0x70, 1, bad));
}

void test_system(void)
{
    static const struct test tests[] = {
        TEST(clocks_run_forward),
        TEST(realtime_can_be_set),
        TEST(random_bytes_differ),
        TEST(system_info_adds_up),
        TEST(command_line_says_selftest),
        TEST(log_text_can_be_read_back),
        TEST(bad_power_actions_are_refused),
        TEST(interrupt_line_may_be_shared),
        TEST(interrupt_arrives_again_after_each_ack),
        TEST(ports_beside_the_range_stay_closed),
        TEST(bad_port_ranges_are_refused),
    };
    test_group(tests, sizeof tests / sizeof tests[0]);
}
