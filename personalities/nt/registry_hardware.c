/* SPDX-License-Identifier: MIT */
/* \REGISTRY\Machine\HARDWARE: what a start finds the processor to be. It is volatile: each start says it anew. */
#include <personalities/nt/registry.h>

#include <atomik/syscall.h>

#include <cpuid.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BRAND_FIRST 0x80000002u /* leaves with 16 bytes each of the processor's name */
#define BRAND_LAST  0x80000004u
#define KHZ_PER_MHZ 1000u

struct processor {
    char vendor[13], brand[49];
    uint32_t family, model, stepping, mhz;
};

static void read_brand(struct processor *processor)
{
    uint32_t words[4];
    for (uint32_t leaf = BRAND_FIRST; leaf <= BRAND_LAST; leaf++) {
        if (!__get_cpuid(leaf, &words[0], &words[1], &words[2], &words[3]))
            return;
        memcpy(processor->brand + (leaf - BRAND_FIRST) * sizeof words, words, sizeof words);
    }
}

static void read_processor(struct processor *processor)
{
    struct system_info info;
    uint32_t words[4] = {0}, vendor[3] = {0};
    __get_cpuid(0, &words[0], &vendor[0], &vendor[2], &vendor[1]);
    memcpy(processor->vendor, vendor, sizeof vendor);
    __get_cpuid(1, &words[0], &words[1], &words[2], &words[3]);
    processor->stepping = words[0] & 15;
    processor->model = words[0] >> 4 & 15;
    processor->family = words[0] >> 8 & 15;
    if (processor->family == 6 || processor->family == 15)
        processor->model += (words[0] >> 16 & 15) << 4;
    if (processor->family == 15)
        processor->family += words[0] >> 20 & 255;
    read_brand(processor);
    if (system_info(&info) == OK)
        processor->mhz = info.tsc_khz / KHZ_PER_MHZ;
}

void registry_describe_hardware(void)
{
    static const struct text path = {L"Machine\\HARDWARE", 16};
    struct processor processor = {.family = 0};
    char text[500];
    struct key *hardware = key_make_path(&registry_root, path);
    if (!hardware)
        abort();
    hardware->is_volatile = true;
    read_processor(&processor);
    int length = snprintf(text, sizeof text,
                          "[Machine\\HARDWARE\\DESCRIPTION\\System\\CentralProcessor\\0]\n"
                          "\"Identifier\"=\"x86 Family %u Model %u Stepping %u\"\n"
                          "\"ProcessorNameString\"=\"%s\"\n"
                          "\"VendorIdentifier\"=\"%s\"\n"
                          "\"~MHz\"=dword:%08x\n",
                          processor.family, processor.model, processor.stepping, processor.brand,
                          processor.vendor, processor.mhz);
    registry_read_text(&registry_root, text, (size_t)length);
}
