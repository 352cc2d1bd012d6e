/* SPDX-License-Identifier: MIT */
/*
 * Lazy FPU switching. fpu_owner is the thread whose state is in the registers; CR0.TS is clear only
 * while that thread runs. The first FPU instruction of another thread traps (vector 7), and only
 * then is the owner's state saved and the new one loaded. The kernel itself never uses the FPU.
 */
#include <kernel/thread.h>

#include "cpu.h"
#include "trap.h"

#define MXCSR_START        0x1f80
#define MXCSR_MASK_DEFAULT 0xffbfu
#define MXCSR_OFFSET       6 /* words of the FXSAVE image */
#define MXCSR_MASK_OFFSET  7

static struct thread *fpu_owner;
static uint32_t mxcsr_mask;
static bool ts_is_set;

/* ts_is_set mirrors CR0.TS, because a write to CR0 is expensive in a virtual machine. */
static void set_ts(bool on)
{
    if (on == ts_is_set)
        return;
    ts_is_set = on;
    if (on)
        write_cr0(read_cr0() | CR0_TS);
    else
        __asm__ volatile("clts");
}

static void save(uint8_t *image)
{
    __asm__ volatile("fxsave (%0)" : : "r"(image) : "memory");
}

static void load(const void *image)
{
    __asm__ volatile("fxrstor (%0)" : : "r"(image) : "memory");
}

void fpu_init(void)
{
    static uint8_t image[FPU_STATE_SIZE] __attribute__((aligned(16)));
    uint32_t features = cpuid(1).edx;

    write_cr0((read_cr0() | CR0_MP | CR0_NE) & ~(CR0_EM | CR0_TS));
    write_cr4(read_cr4() | CR4_OSFXSR | (features & CPUID_SSE ? CR4_OSXMMEXCPT : 0));
    __asm__ volatile("fninit");
    save(image);
    mxcsr_mask = ((uint32_t *)image)[MXCSR_MASK_OFFSET];
    if (!mxcsr_mask)
        mxcsr_mask = MXCSR_MASK_DEFAULT;
    set_ts(true);
}

/* The registers are nobody's from now on. */
static void disown(void)
{
    set_ts(true);
    fpu_owner = NULL;
}

/* Memory gets what the registers hold. */
static void give_up(struct thread *thread)
{
    if (fpu_owner != thread)
        return;
    set_ts(false);
    save(thread->arch.fpu);
    disown();
}

/* Most handlers of signals and exceptions use no FPU: the state is made when somebody asks for it. */
void arch_fpu_reset(struct thread *thread, uint16_t control_word)
{
    arch_thread_release(thread);
    thread->arch.fpu_fresh = true;
    thread->arch.fpu_control = control_word;
}

static void make_fresh(struct thread *thread)
{
    uint32_t *words = (uint32_t *)thread->arch.fpu;

    __builtin_memset(words, 0, FPU_STATE_SIZE);
    words[0] = thread->arch.fpu_control;
    words[MXCSR_OFFSET] = MXCSR_START;
    thread->arch.fpu_fresh = false;
}

const void *arch_fpu_image(struct thread *thread)
{
    uint32_t *words = (uint32_t *)thread->arch.fpu;

    if (thread->arch.fpu_fresh)
        make_fresh(thread);
    give_up(thread);
    words[MXCSR_OFFSET] &= mxcsr_mask; /* a reserved bit would fault when it is loaded */
    return words;
}

void *arch_fpu_replace(struct thread *thread)
{
    arch_thread_release(thread);
    thread->arch.fpu_fresh = false;
    return thread->arch.fpu;
}

void fpu_restore(struct thread *thread)
{
    const void *image = arch_fpu_image(thread);

    if (fpu_owner)
        give_up(fpu_owner);
    set_ts(false);
    load(image);
    fpu_owner = thread;
}

void fpu_switch(struct thread *thread)
{
    if (fpu_owner)
        set_ts(fpu_owner != thread);
}

void arch_thread_release(struct thread *thread)
{
    if (fpu_owner == thread)
        disown();
}
