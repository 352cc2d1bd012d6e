/* SPDX-License-Identifier: MIT */
/*
 * Time: the PIT gives the tick, the time-stamp counter the clock between ticks, the CMOS clock the
 * date at boot. Without a time-stamp counter the clock counts ticks and reads the PIT's counter.
 */
#include <kernel/log.h>

#include "cpu.h"
#include "trap.h"

#define PIT_HZ            1193182u
#define PIT_CHANNEL0      0x40
#define PIT_CHANNEL2      0x42
#define PIT_COMMAND       0x43
#define PIT_GATE          0x61
#define PIT_DIVISOR       ((PIT_HZ + TICK_HZ / 2) / TICK_HZ)
#define CALIBRATION_MS    20u
#define CALIBRATION_COUNT (PIT_HZ * CALIBRATION_MS / 1000)
#define NS_PER_TICK       (1000000000u / TICK_HZ)
#define SHIFT             22

static uint32_t khz, multiplier; /* ns = (cycles * multiplier) >> SHIFT */
static uint64_t tsc_start, ticks;

/* One run of PIT channel 2 as a one-shot counter; the cycles that passed. */
static uint64_t count_cycles(void)
{
    uint8_t gate = inb(PIT_GATE) & ~3u;
    uint64_t start;

    outb(PIT_GATE, gate);
    outb(PIT_COMMAND, 0xb0); /* channel 2, both bytes, mode 0 */
    outb(PIT_CHANNEL2, CALIBRATION_COUNT & 0xff);
    outb(PIT_CHANNEL2, CALIBRATION_COUNT >> 8);
    outb(PIT_GATE, gate | 1);
    start = read_tsc();
    while (!(inb(PIT_GATE) & 0x20))
        ;
    return read_tsc() - start;
}

void clock_start(void)
{
    if (cpuid(1).edx & CPUID_TSC) {
        uint64_t cycles = count_cycles();

        khz = (uint32_t)(cycles / CALIBRATION_MS);
        if (khz >= 1000) {
            multiplier = (uint32_t)(((uint64_t)1000000 << SHIFT) / khz);
            tsc_start = read_tsc();
        } else {
            khz = 0;
        }
    }
    outb(PIT_COMMAND, 0x34); /* channel 0, both bytes, mode 2 */
    outb(PIT_CHANNEL0, PIT_DIVISOR & 0xff);
    outb(PIT_CHANNEL0, PIT_DIVISOR >> 8);
    arch_irq_unmask(0);
}

void clock_tick(void)
{
    ticks++;
    kernel_tick();
}

/* Without a TSC: never backwards, even if the counter wrapped before its tick was taken. */
static ktime_t ticks_now(void)
{
    static ktime_t last;
    uint32_t left;
    ktime_t now;

    outb(PIT_COMMAND, 0);
    left = inb(PIT_CHANNEL0);
    left |= (uint32_t)inb(PIT_CHANNEL0) << 8;
    now = ticks * NS_PER_TICK + (uint64_t)(PIT_DIVISOR - left) * 1000000000u / PIT_HZ;
    if (now > last)
        last = now;
    return last;
}

ktime_t arch_clock_now(void)
{
    uint64_t cycles;

    if (!multiplier)
        return ticks_now();
    cycles = read_tsc() - tsc_start;
    return (((cycles >> 32) * multiplier) << (32 - SHIFT)) +
           (((cycles & 0xffffffff) * multiplier) >> SHIFT);
}

uint32_t arch_clock_khz(void)
{
    return khz;
}

uint32_t arch_entropy(void)
{
    uint32_t value = (uint32_t)ticks;

    if (khz)
        value ^= (uint32_t)read_tsc();
    outb(PIT_COMMAND, 0);
    value ^= (uint32_t)inb(PIT_CHANNEL0) << 16;
    return value ^ ((uint32_t)inb(PIT_CHANNEL0) << 24);
}

/* ---- CMOS clock ---- */

enum {
    CMOS_SECOND = 0,
    CMOS_MINUTE = 2,
    CMOS_HOUR = 4,
    CMOS_DAY = 7,
    CMOS_MONTH = 8,
    CMOS_YEAR = 9
};

static uint8_t cmos(uint8_t index)
{
    outb(0x70, index);
    return inb(0x71);
}

static uint32_t cmos_number(uint8_t index, bool binary)
{
    uint8_t value = cmos(index);

    return binary ? value : (value >> 4) * 10u + (value & 15);
}

/* Days from 1970-01-01 to a date from 2000 on. */
static uint32_t days_since_1970(uint32_t year, uint32_t month, uint32_t day)
{
    static const uint16_t before[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};
    uint32_t days = (year - 1970) * 365 + (year - 1969) / 4 + before[(month - 1) % 12] + day - 1;

    return month > 2 && year % 4 == 0 ? days + 1 : days;
}

static uint64_t cmos_read_once(void)
{
    uint8_t mode = cmos(0x0b);
    bool binary = mode & 4;
    uint8_t raw_hour;
    uint32_t hour, days;

    for (uint32_t tries = 0; (cmos(0x0a) & 0x80) && tries < 100000; tries++)
        ;
    raw_hour = cmos(CMOS_HOUR);
    hour = binary ? raw_hour & 0x7f : ((raw_hour >> 4) & 7) * 10u + (raw_hour & 15);
    if (!(mode & 2))
        hour = hour % 12 + (raw_hour & 0x80 ? 12 : 0);
    days = days_since_1970(2000 + cmos_number(CMOS_YEAR, binary), cmos_number(CMOS_MONTH, binary),
                           cmos_number(CMOS_DAY, binary));
    return (uint64_t)days * 86400 + hour * 3600 + cmos_number(CMOS_MINUTE, binary) * 60 +
           cmos_number(CMOS_SECOND, binary);
}

/* Read until two readings agree: an update may fall between the fields. */
uint64_t arch_rtc_read(void)
{
    uint64_t first = cmos_read_once(), second = cmos_read_once();

    for (uint32_t tries = 0; first != second && tries < 10; tries++) {
        first = second;
        second = cmos_read_once();
    }
    return second;
}
