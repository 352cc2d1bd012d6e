/* SPDX-License-Identifier: MIT */
/*
 * A personality server as small as can be, in ring 1: runs guests made of a few instructions and
 * checks what comes back. It holds what the design promises of guests: they trap to their server
 * and nowhere else, and cannot touch it.
 */
#include <kernel/selftest/user/server/guest_code.h>
#include <kernel/selftest/user/server/protocol.h>

#include <atomik/syscall.h>
#include <server/guest_copy.h>
#include <server/guest_enter.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GUEST_CODE  0x00400000u
#define GUEST_STACK 0x00500000u
#define GUEST_DATA  0x00600000u
#define MS          1000000ull

void server_main(uint32_t argument);
void thread_entry(void);

static handle_t report_port;
static bool failed;
static handle_t guest; /* the attached space */
static struct guest_frame *frame;

/* For strdup of lib/libc/string.c: there is no heap. */
void *malloc(size_t size)
{
    (void)size;
    return NULL;
}

/* ---- reports ---- */

static void report(enum report_label label, const char *text)
{
    static struct message message;

    message.label = label;
    message.handle_count = 0;
    message.size = (uint16_t)(strlen(text) + 1);
    memcpy(message.data, text, message.size);
    if (port_call(report_port, &message, DEADLINE_NEVER, CALL_UNINTERRUPTIBLE) != OK)
        __builtin_trap();
}

static void fail(int line, const char *text, uint32_t got)
{
    char line_text[200];

    failed = true;
    snprintf(line_text, sizeof line_text, "server/main.c:%d: %s (%x)", line, text, got);
    report(REPORT_FAIL, line_text);
}

#define EXPECT(condition)                  \
    do {                                   \
        if (!(condition)) {                \
            fail(__LINE__, #condition, 0); \
            return;                        \
        }                                  \
    } while (0)
#define EXPECT_EQUAL(value, wanted)                          \
    do {                                                     \
        uint32_t got_ = (uint32_t)(value);                   \
        if (got_ != (uint32_t)(wanted)) {                    \
            fail(__LINE__, #value " is not " #wanted, got_); \
            return;                                          \
        }                                                    \
    } while (0)
#define EXPECT_OK(call) EXPECT_EQUAL(call, OK)

/* ---- a guest ---- */

static status_t map_guest(handle_t space, uint32_t address, uint32_t length, uint32_t prot)
{
    struct map_request request = {
        .address = address, .length = length, .prot = prot, .flags = MAP_FLAG_FIXED};

    return space_map(space, &request);
}

/* A fresh attached guest with code, stack and data memory, about to run `code`. */
static status_t guest_make(const char *code, const char *end)
{
    status_t status = space_create(&guest);

    if (status == OK)
        status = map_guest(guest, GUEST_CODE, PAGE_SIZE, PROT_R | PROT_W | PROT_X);
    if (status == OK)
        status = map_guest(guest, GUEST_STACK - PAGE_SIZE, PAGE_SIZE, PROT_R | PROT_W);
    if (status == OK)
        status = map_guest(guest, GUEST_DATA, 4 * PAGE_SIZE, PROT_R | PROT_W);
    if (status == OK)
        status = space_attach(guest);
    if (status == OK)
        status = guest_copy_out(GUEST_CODE, code, (uintptr_t)end - (uintptr_t)code);
    frame->regs = (struct registers){
        .gs = 0,
        .fs = 0,
        .es = GUEST_DS,
        .ds = GUEST_DS,
        .eip = GUEST_CODE,
        .cs = GUEST_CS,
        .eflags = 0x202,
        .esp = GUEST_STACK,
        .ss = GUEST_DS,
    };
    return status;
}
#define GUEST(name) guest_make(guest_##name, guest_##name##_end)

static void guest_drop(void)
{
    if (!guest)
        return;
    if (space_attach(HANDLE_NONE) != OK || handle_close(guest) != OK)
        __builtin_trap();
    guest = HANDLE_NONE;
}

#define EXPECT_SYSCALL(vector_)                     \
    do {                                            \
        EXPECT_OK(guest_enter_fast());              \
        EXPECT_EQUAL(frame->reason, GUEST_SYSCALL); \
        EXPECT_EQUAL(frame->vector, vector_);       \
    } while (0)
#define EXPECT_EXCEPTION(vector_)                     \
    do {                                              \
        EXPECT_OK(guest_enter_fast());                \
        EXPECT_EQUAL(frame->reason, GUEST_EXCEPTION); \
        EXPECT_EQUAL(frame->vector, vector_);         \
    } while (0)

/* ---- tests ---- */

/*
 * The frame is made outside of the tests, which must leave the counts of objects as they were. What
 * guest_enter said before is looked at by a test.
 */
static status_t enter_without_frame, bind_to_kernel, enter_without_space;

static bool make_frame(void)
{
    uint32_t address;

    enter_without_frame = guest_enter_fast();
    bind_to_kernel = guest_bind((uint32_t *)KERNEL_BASE);
    if (guest_bind(&address) != OK)
        return false;
    frame = (struct guest_frame *)address;
    enter_without_space = guest_enter_fast();
    return true;
}

static void guest_enter_without_frame_or_space_is_refused(void)
{
    uint32_t address;

    EXPECT_EQUAL(enter_without_frame, ERR_INVALID_ARGUMENT);
    EXPECT_EQUAL(bind_to_kernel, ERR_BAD_ADDRESS);
    EXPECT((uintptr_t)frame >= SERVER_BASE && (uintptr_t)frame < SERVER_LIMIT);
    EXPECT_EQUAL(enter_without_space, ERR_INVALID_ARGUMENT);
    EXPECT_EQUAL(guest_bind(&address), ERR_ALREADY_EXISTS);
}

static void system_call_comes_with_the_registers_and_goes_on_behind_it(void)
{
    EXPECT_OK(GUEST(syscall_80));
    frame->regs.eax = 0x11111111;
    frame->regs.ebx = 0x22222222;
    frame->regs.edi = 0x33333333;
    frame->regs.ebp = 0x44444444;
    EXPECT_SYSCALL(0x80);
    EXPECT_EQUAL(frame->regs.eax, 0x11111111);
    EXPECT_EQUAL(frame->regs.ebx, 0x22222222);
    EXPECT_EQUAL(frame->regs.edi, 0x33333333);
    EXPECT_EQUAL(frame->regs.ebp, 0x44444444);
    EXPECT_EQUAL(frame->regs.eip, GUEST_CODE + 2);
    EXPECT_EQUAL(frame->regs.esp, GUEST_STACK);
    EXPECT_EQUAL(frame->regs.cs, GUEST_CS);
    EXPECT_EQUAL(frame->regs.ss, GUEST_DS);
    frame->regs.eax = 0x55555555;
    EXPECT_SYSCALL(0x80);
    EXPECT_EQUAL(frame->regs.eax, 0x55555555);
    EXPECT_EQUAL(frame->regs.eip, GUEST_CODE + 4);
}

#define IRQ_VECTORS 0xf0 /* from here on */

/* Gates of interrupts and of exceptions but int3 and into are closed to int n; else: system call. */
static void every_interrupt_vector_traps_to_the_server(void)
{
    EXPECT_OK(GUEST(int_patched));
    for (uint32_t vector = 0; vector < 256; vector++) {
        uint8_t byte = (uint8_t)vector;
        EXPECT_OK(guest_copy_out(GUEST_CODE + 1, &byte, 1));
        frame->regs.eip = GUEST_CODE;
        EXPECT_OK(guest_enter_fast());
        if (vector >= 32 && vector < IRQ_VECTORS) {
            EXPECT_EQUAL(frame->reason, GUEST_SYSCALL);
            EXPECT_EQUAL(frame->vector, vector);
        } else {
            EXPECT_EQUAL(frame->reason, GUEST_EXCEPTION);
            EXPECT(frame->vector == (vector == 3 || vector == 4 ? vector : 13));
        }
    }
}

static void sysenter_traps_to_the_server(void)
{
    EXPECT_OK(GUEST(sysenter));
    frame->regs.eax = 77;
    EXPECT_OK(guest_enter_fast());
    EXPECT_EQUAL(frame->reason, GUEST_SYSENTER);
    EXPECT_EQUAL(frame->regs.eax, 77);
}

static void memory_appears_without_the_server_and_faults_reach_it(void)
{
    uint32_t value;

    EXPECT_OK(GUEST(store_ebx));
    frame->regs.eax = 0xabcd;
    frame->regs.ebx = GUEST_DATA + 8;
    EXPECT_SYSCALL(0x80);
    EXPECT_OK(guest_load32(&value, GUEST_DATA + 8));
    EXPECT_EQUAL(value, 0xabcd);
    frame->regs.eip = GUEST_CODE;
    frame->regs.ebx = 0x12345678;
    EXPECT_EXCEPTION(14);
    EXPECT_EQUAL(frame->address, 0x12345678);
    EXPECT(frame->error & 2);
    EXPECT_EQUAL(frame->regs.eip, GUEST_CODE);
    EXPECT_OK(map_guest(guest, 0x12345000, PAGE_SIZE, PROT_R | PROT_W));
    EXPECT_SYSCALL(0x80); /* the same instruction again */
}

static void write_to_read_only_memory_faults(void)
{
    EXPECT_OK(GUEST(store_ebx));
    EXPECT_OK(space_protect(guest, GUEST_DATA, PAGE_SIZE, PROT_R));
    frame->regs.ebx = GUEST_DATA;
    EXPECT_EXCEPTION(14);
    EXPECT_OK(space_protect(guest, GUEST_DATA, PAGE_SIZE, PROT_R | PROT_W));
    EXPECT_SYSCALL(0x80);
}

static volatile uint32_t secret = 0x5ec7e7;

/* Paging keeps the guest out, or before it the segment limit, where the processor looks at that. */
#define EXPECT_NO_ACCESS(place)                             \
    do {                                                    \
        EXPECT_OK(guest_enter_fast());                      \
        EXPECT_EQUAL(frame->reason, GUEST_EXCEPTION);       \
        if ((place) < KERNEL_BASE || frame->vector != 13) { \
            EXPECT_EQUAL(frame->vector, 14);                \
            EXPECT_EQUAL(frame->address, place);            \
        }                                                   \
    } while (0)

static void guest_cannot_touch_server_or_kernel(void)
{
    const uint32_t places[] = {(uintptr_t)&secret, (uintptr_t)frame, SERVER_BASE,
                               SERVER_LIMIT - 4,   KERNEL_BASE,      KERNEL_BASE + 0x100000,
                               0xfffffffc};

    EXPECT_OK(GUEST(load_ebx));
    EXPECT(secret == 0x5ec7e7);
    for (uint32_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        EXPECT_OK(guest_copy_out(GUEST_CODE, guest_load_ebx, 4));
        frame->regs.eip = GUEST_CODE;
        frame->regs.ebx = places[i];
        EXPECT_NO_ACCESS(places[i]);
        EXPECT_OK(guest_copy_out(GUEST_CODE, guest_store_ebx, 4));
        frame->regs.eip = GUEST_CODE;
        EXPECT_NO_ACCESS(places[i]);
        EXPECT_OK(guest_copy_out(GUEST_CODE, guest_jump_ebx, 2));
        frame->regs.eip = GUEST_CODE;
        EXPECT_NO_ACCESS(places[i]);
    }
    EXPECT(secret == 0x5ec7e7);
}

static void privileged_instructions_are_exceptions(void)
{
#define CASE(name, vector)                     \
    EXPECT_OK(GUEST(name));                    \
    EXPECT_EXCEPTION(vector);                  \
    EXPECT_EQUAL(frame->regs.eip, GUEST_CODE); \
    guest_drop();
    CASE(hlt, 13)
    CASE(cli, 13)
    CASE(port_out, 13)
    CASE(load_cr0, 13)
    CASE(lidt, 13)
    CASE(far_call, 13)
    CASE(undefined, 6)
#undef CASE
    EXPECT_OK(GUEST(divide));
    EXPECT_EXCEPTION(0);
    guest_drop();
    EXPECT_OK(GUEST(breakpoint));
    EXPECT_EXCEPTION(3);
    EXPECT_EQUAL(frame->regs.eip, GUEST_CODE + 1);
}

static void guest_cannot_raise_its_privilege_through_flags(void)
{
    EXPECT_OK(GUEST(popf_all));
    EXPECT_SYSCALL(0x80);
    EXPECT_EQUAL(frame->regs.eax & 0x3200, 0x200); /* IOPL 0, IF set */
}

static void registers_that_the_server_sets_are_sanitised(void)
{
    EXPECT_OK(GUEST(segments));
    frame->regs.eflags = 0xffffffff & ~0x100u; /* but for TF */
    frame->regs.cs = 0x49;
    frame->regs.ss = 0x51;
    EXPECT_OK(guest_enter_fast());
    if (frame->reason == GUEST_SYSCALL) {
        EXPECT_EQUAL(frame->regs.cs & 3, 3);
        EXPECT_EQUAL(frame->regs.ss & 3, 3);
        EXPECT_EQUAL(frame->regs.eflags & 0x23000, 0); /* no VM, IOPL */
        EXPECT(frame->regs.eflags & 0x200);
    } else {
        EXPECT_EQUAL(frame->reason, GUEST_EXCEPTION);
    }
}

static void kernel_selectors_in_segment_registers_do_not_get_through(void)
{
    static const uint32_t selectors[] = {0x08, 0x10, 0x49, 0x51, 0x28, 0x58, 0xfff8, 0x2b, 7};

    EXPECT_OK(GUEST(segments));
    for (uint32_t i = 0; i < sizeof selectors / sizeof selectors[0]; i++) {
        frame->regs.eip = GUEST_CODE;
        frame->regs.ds = GUEST_DS;
        frame->regs.gs = frame->regs.fs = selectors[i];
        EXPECT_OK(guest_enter_fast());
        if (frame->reason != GUEST_SYSCALL)
            continue; /* reported as a fault: as good */
        EXPECT((frame->regs.eax & 3) == 3 || frame->regs.eax < 4);
        EXPECT((frame->regs.ebx & 3) == 3 || frame->regs.ebx < 4);
    }
}

static void single_step_is_an_exception_after_each_instruction(void)
{
    EXPECT_OK(GUEST(spin));
    frame->regs.eflags |= 0x100;
    EXPECT_EXCEPTION(1);
    EXPECT_EQUAL(frame->regs.eip, GUEST_CODE + 1);
    frame->regs.eflags |= 0x100;
    EXPECT_EXCEPTION(1);
    EXPECT_EQUAL(frame->regs.eip, GUEST_CODE);
}

static void hardware_breakpoint_stops_the_guest(void)
{
    uint32_t registers[6] = {GUEST_CODE + 1, 0, 0, 0, 0, 1}; /* dr0, execution */

    EXPECT_OK(GUEST(spin));
    EXPECT_OK(guest_debug(HANDLE_SELF, registers));
    EXPECT_EXCEPTION(1);
    EXPECT_EQUAL(frame->regs.eip, GUEST_CODE + 1);
    registers[0] = KERNEL_BASE + 0x100000;
    registers[5] = 0xffffffff;
    EXPECT_OK(guest_debug(HANDLE_SELF, registers)); /* sanitised: nothing is watched there */
    memset(registers, 0, sizeof registers);
    EXPECT_OK(guest_debug(HANDLE_SELF, registers));
}

/* ---- segments ---- */

static void descriptor(uint32_t base, uint32_t limit_pages, uint32_t access, uint32_t *low,
                       uint32_t *high)
{
    *low = base << 16 | (limit_pages & 0xffff);
    *high = (base & 0xff000000) | 0x00c00000 | (limit_pages & 0xf0000) | access << 8 |
            (base >> 16 & 0xff);
}

#define DATA_DPL3 0xf2
#define DATA_DPL0 0x92

static void tls_descriptor_works_and_bad_ones_are_refused(void)
{
    uint32_t low, high, value = 0x7175;

    EXPECT_OK(GUEST(load_gs));
    EXPECT_OK(guest_copy_out(GUEST_DATA, &value, 4));
    for (uint32_t slot = 0; slot < GUEST_TLS_SLOTS; slot++) {
        descriptor(GUEST_DATA, 0xfffff, DATA_DPL3, &low, &high);
        EXPECT_OK(guest_tls(slot, low, high));
        frame->regs.gs = GUEST_TLS_SELECTOR(slot);
        frame->regs.eip = GUEST_CODE;
        EXPECT_SYSCALL(0x80);
        EXPECT_EQUAL(frame->regs.eax, value);
        EXPECT_EQUAL(frame->regs.gs, GUEST_TLS_SELECTOR(slot));
        EXPECT_OK(guest_tls(slot, 0, 0));
    }
    EXPECT_EQUAL(guest_tls(GUEST_TLS_SLOTS, low, high), ERR_OUT_OF_RANGE);
    descriptor(GUEST_DATA, 0xfffff, DATA_DPL0, &low, &high);
    EXPECT_EQUAL(guest_tls(0, low, high), ERR_INVALID_ARGUMENT);
    descriptor(GUEST_DATA, 0xfffff, 0xec, &low, &high); /* call gate */
    EXPECT_EQUAL(guest_tls(0, low, high), ERR_INVALID_ARGUMENT);
    descriptor(GUEST_DATA, 0xfffff, 0xe9, &low, &high); /* TSS */
    EXPECT_EQUAL(guest_tls(0, low, high), ERR_INVALID_ARGUMENT);
    descriptor(GUEST_DATA, 0xfffff, 0xb2, &low, &high); /* DPL 1 */
    EXPECT_EQUAL(guest_tls(0, low, high), ERR_INVALID_ARGUMENT);
}

static void tls_segment_reaches_below_its_base(void)
{
    uint32_t low, high, value = 0x600d;
    uint8_t code[] = {0x65, 0xa1, 0xfc, 0xff, 0xff, 0xff, 0xcd, 0x80}; /* movl %gs:-4, %eax */

    EXPECT_OK(guest_make((char *)code, (char *)code + sizeof code));
    EXPECT_OK(guest_copy_out(GUEST_DATA + 0xffc, &value, 4));
    descriptor(GUEST_DATA + 0x1000, 0xfffff, DATA_DPL3, &low, &high);
    EXPECT_OK(guest_tls(0, low, high));
    frame->regs.gs = GUEST_TLS_SELECTOR(0);
    EXPECT_SYSCALL(0x80);
    EXPECT_EQUAL(frame->regs.eax, value);
    EXPECT_OK(guest_tls(0, 0, 0));
}

static void ldt_descriptor_works_and_bad_ones_are_refused(void)
{
    uint32_t low, high, value = 0x1d7;

    EXPECT_OK(GUEST(load_gs));
    EXPECT_OK(guest_copy_out(GUEST_DATA, &value, 4));
    descriptor(GUEST_DATA, 0xfffff, DATA_DPL3, &low, &high);
    EXPECT_OK(guest_ldt(guest, 3, low, high));
    frame->regs.gs = 3 << 3 | 7;
    EXPECT_SYSCALL(0x80);
    EXPECT_EQUAL(frame->regs.eax, value);
    EXPECT_EQUAL(guest_ldt(guest, LDT_MAX_ENTRIES, low, high), ERR_OUT_OF_RANGE);
    descriptor(GUEST_DATA, 0xfffff, DATA_DPL0, &low, &high);
    EXPECT_EQUAL(guest_ldt(guest, 4, low, high), ERR_INVALID_ARGUMENT);
    EXPECT_EQUAL(guest_ldt(0xdead0, 4, low, high), ERR_BAD_HANDLE);
}

/* ---- kicks, threads, FPU ---- */

static struct slot {
    uint32_t (*entry)(void *);
    void *argument;
    uint8_t stack[8192] __attribute__((aligned(16)));
} slots[2]; /* the thread of the tests, and one more that a test may start */

static handle_t start_in(struct slot *slot, uint32_t (*entry)(void *), void *argument)
{
    handle_t thread;

    slot->entry = entry;
    slot->argument = argument;
    return thread_create(HANDLE_SELF, (uintptr_t)thread_entry,
                         (uintptr_t)(slot->stack + sizeof slot->stack - 64), (uintptr_t)slot,
                         &thread) == OK
               ? thread
               : HANDLE_NONE;
}

static handle_t start_thread(uint32_t (*entry)(void *), void *argument)
{
    return start_in(&slots[1], entry, argument);
}

static bool join_thread(handle_t thread)
{
    ktime_t time;

    if (clock_get(CLOCK_MONOTONIC_NS, &time) != OK)
        return false;
    struct wait_item item = {thread, SIGNAL_TERMINATED, 0};
    status_t status = wait_any(&item, 1, time + 2000 * MS);
    return handle_close(thread) == OK && status == OK;
}

static uint32_t kick_argument(void *thread)
{
    ktime_t time;

    if (clock_get(CLOCK_MONOTONIC_NS, &time) != OK ||
        wait_any(NULL, 0, time + 10 * MS) != ERR_TIMED_OUT)
        return 1;
    return thread_kick((handle_t)(uintptr_t)thread) == OK ? 0 : 1;
}

static handle_t own_thread; /* that runs the tests */

static void kick_stops_a_running_guest_between_instructions(void)
{
    EXPECT_OK(GUEST(spin));
    handle_t thread = start_thread(kick_argument, (void *)(uintptr_t)own_thread);
    EXPECT(thread);
    EXPECT_OK(guest_enter_fast());
    EXPECT_EQUAL(frame->reason, GUEST_KICKED);
    EXPECT(frame->regs.eip == GUEST_CODE || frame->regs.eip == GUEST_CODE + 1);
    EXPECT(frame->regs.ecx > 0);
    EXPECT(join_thread(thread));
}

static void pending_kick_comes_before_the_guest_runs(void)
{
    EXPECT_OK(GUEST(syscall_80));
    EXPECT_OK(thread_kick(HANDLE_SELF));
    EXPECT_OK(guest_enter_fast());
    EXPECT_EQUAL(frame->reason, GUEST_KICKED);
    EXPECT_EQUAL(frame->regs.eip, GUEST_CODE);
    EXPECT_SYSCALL(0x80); /* once */
}

/* Another thread with a guest of its own, using the FPU meanwhile. */
static uint32_t other_fpu_guest(void *unused)
{
    uint32_t address;
    handle_t space;
    struct guest_frame *own;

    (void)unused;
    if (guest_bind(&address) != OK || space_create(&space) != OK)
        return 1;
    own = (struct guest_frame *)address;
    if (map_guest(space, GUEST_CODE, PAGE_SIZE, PROT_R | PROT_W | PROT_X) != OK ||
        space_attach(space) != OK ||
        guest_copy_out(GUEST_CODE, guest_fpu_one,
                       (uintptr_t)guest_fpu_one_end - (uintptr_t)guest_fpu_one) != OK)
        return 2;
    own->regs = (struct registers){.es = GUEST_DS,
                                   .ds = GUEST_DS,
                                   .eip = GUEST_CODE,
                                   .cs = GUEST_CS,
                                   .eflags = 0x202,
                                   .esp = GUEST_STACK,
                                   .ss = GUEST_DS};
    if (guest_enter_fast() != OK || own->reason != GUEST_SYSCALL)
        return 3;
    return handle_close(space) == OK ? 0 : 4; /* it stays attached until the thread ends */
}

static void fpu_state_belongs_to_the_thread_s_guest(void)
{
    double value = 0;

    EXPECT_OK(GUEST(fpu_pi));
    EXPECT_SYSCALL(0x80);
    handle_t thread = start_thread(other_fpu_guest, NULL);
    EXPECT(thread);
    EXPECT(join_thread(thread));
    EXPECT_OK(guest_copy_out(GUEST_CODE, guest_fpu_store,
                             (uintptr_t)guest_fpu_store_end - (uintptr_t)guest_fpu_store));
    frame->regs.eip = GUEST_CODE;
    frame->regs.ebx = GUEST_DATA;
    EXPECT_SYSCALL(0x80);
    EXPECT_OK(guest_copy_in(&value, GUEST_DATA, sizeof value));
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    EXPECT(bits == 0x400921fb54442d18ull);
}

static void fpu_state_can_be_saved_and_put_back(void)
{
    static uint8_t saved[FPU_STATE_SIZE] __attribute__((aligned(16)));
    uint64_t bits = 0;

    EXPECT_OK(GUEST(fpu_pi));
    EXPECT_SYSCALL(0x80);
    EXPECT_OK(guest_fpu_read(HANDLE_SELF, saved));
    EXPECT_OK(guest_fpu_reset(0x27f));
    memset(saved + 24, 0xff, 4); /* MXCSR with reserved bits */
    EXPECT_OK(guest_fpu_write(HANDLE_SELF, saved));
    EXPECT_EQUAL(guest_fpu_read(HANDLE_SELF, (void *)KERNEL_BASE), ERR_BAD_ADDRESS);
    EXPECT_EQUAL(guest_fpu_reset(0x10000), ERR_INVALID_ARGUMENT);
    EXPECT_OK(guest_copy_out(GUEST_CODE, guest_fpu_store,
                             (uintptr_t)guest_fpu_store_end - (uintptr_t)guest_fpu_store));
    frame->regs.eip = GUEST_CODE;
    frame->regs.ebx = GUEST_DATA;
    EXPECT_SYSCALL(0x80);
    EXPECT_OK(guest_copy_in(&bits, GUEST_DATA, sizeof bits));
    EXPECT(bits == 0x400921fb54442d18ull);
}

/* ---- spaces ---- */

static void fork_gives_each_side_its_own_memory(void)
{
    uint32_t value = 1, parent;
    handle_t clone;

    EXPECT_OK(GUEST(syscall_80));
    EXPECT_OK(guest_store32(GUEST_DATA, value));
    EXPECT_OK(space_clone(guest, &clone));
    EXPECT_OK(guest_store32(GUEST_DATA, 2));
    EXPECT_OK(space_attach(clone));
    EXPECT_OK(guest_load32(&value, GUEST_DATA));
    EXPECT_EQUAL(value, 1);
    EXPECT_OK(guest_store32(GUEST_DATA + 4, 3));
    EXPECT_SYSCALL(0x80); /* the code came along */
    EXPECT_OK(space_attach(guest));
    EXPECT_OK(guest_load32(&parent, GUEST_DATA));
    EXPECT_EQUAL(parent, 2);
    EXPECT_OK(guest_load32(&parent, GUEST_DATA + 4));
    EXPECT_EQUAL(parent, 0);
    EXPECT_OK(handle_close(clone));
}

static void copies_end_at_what_is_not_mapped(void)
{
    char text[16];
    size_t moved;

    EXPECT_OK(GUEST(syscall_80));
    EXPECT_EQUAL(guest_copy_in(text, 0, 4), ERR_BAD_ADDRESS);
    EXPECT_EQUAL(guest_copy_in(text, SERVER_BASE, 4), ERR_BAD_ADDRESS);
    EXPECT_EQUAL(guest_copy_out(GUEST_STACK - 4, "12345678", 8), ERR_BAD_ADDRESS);
    EXPECT_EQUAL(guest_copy_out_partial(GUEST_STACK - 4, "12345678", 8, &moved), ERR_BAD_ADDRESS);
    EXPECT_EQUAL(moved, 4);
    EXPECT_EQUAL(guest_copy_string(text, GUEST_STACK - 2, sizeof text), ERR_BAD_ADDRESS);
    EXPECT_OK(guest_copy_out(GUEST_DATA, "hello", 6));
    EXPECT_EQUAL(guest_copy_string(text, GUEST_DATA, sizeof text), 5);
    EXPECT_OK(space_protect(guest, GUEST_DATA, PAGE_SIZE, PROT_R));
    EXPECT_EQUAL(guest_copy_out(GUEST_DATA, "x", 1), ERR_BAD_ADDRESS);
}

static void kernel_calls_take_guest_addresses_of_the_attached_space(void)
{
    handle_t in, out;
    uint32_t done;
    char text[8] = "";

    EXPECT_OK(GUEST(syscall_80));
    EXPECT_OK(stream_create(100, &out, &in));
    EXPECT_OK(guest_copy_out(GUEST_DATA + PAGE_SIZE - 2, "abcd", 4));
    EXPECT_OK(stream_write(in, (void *)(GUEST_DATA + PAGE_SIZE - 2), 4, &done, DEADLINE_POLL));
    EXPECT_OK(stream_read(out, (void *)(GUEST_DATA + 3 * PAGE_SIZE), 4, &done, DEADLINE_POLL));
    EXPECT_OK(guest_copy_in(text, GUEST_DATA + 3 * PAGE_SIZE, 4));
    EXPECT(!memcmp(text, "abcd", 4));
    EXPECT_EQUAL(stream_write(in, (void *)0x1000, 4, &done, DEADLINE_POLL), ERR_BAD_ADDRESS);
    EXPECT_OK(handle_close(in));
    EXPECT_OK(handle_close(out));
}

static void new_window_memory_shows_in_attached_guests(void)
{
    struct map_request request = {.length = 16 << 20, .prot = PROT_R | PROT_W};

    EXPECT_OK(GUEST(syscall_80));
    EXPECT_OK(space_map(HANDLE_SELF, &request));
    EXPECT(request.address >= SERVER_BASE);
    for (uint32_t i = 0; i < request.length; i += 1 << 20)
        *(volatile uint32_t *)(request.address + i) = i;
    EXPECT_SYSCALL(0x80);
    EXPECT(*(volatile uint32_t *)(request.address + (5 << 20)) == 5 << 20);
    EXPECT_OK(space_unmap(HANDLE_SELF, request.address, request.length));
}

/* ---- the run ---- */

static void run(const char *name, void (*test)(void))
{
    failed = false;
    report(REPORT_BEGIN, name);
    test();
    guest_drop();
    report(REPORT_END, name);
}

static uint32_t run_tests(void *unused)
{
    (void)unused;
    if (!make_frame())
        return 1;
#define RUN(name) run(#name, name)
    RUN(guest_enter_without_frame_or_space_is_refused);
    RUN(system_call_comes_with_the_registers_and_goes_on_behind_it);
    RUN(every_interrupt_vector_traps_to_the_server);
    RUN(sysenter_traps_to_the_server);
    RUN(memory_appears_without_the_server_and_faults_reach_it);
    RUN(write_to_read_only_memory_faults);
    RUN(guest_cannot_touch_server_or_kernel);
    RUN(privileged_instructions_are_exceptions);
    RUN(guest_cannot_raise_its_privilege_through_flags);
    RUN(registers_that_the_server_sets_are_sanitised);
    RUN(kernel_selectors_in_segment_registers_do_not_get_through);
    RUN(single_step_is_an_exception_after_each_instruction);
    RUN(hardware_breakpoint_stops_the_guest);
    RUN(tls_descriptor_works_and_bad_ones_are_refused);
    RUN(tls_segment_reaches_below_its_base);
    RUN(ldt_descriptor_works_and_bad_ones_are_refused);
    RUN(kick_stops_a_running_guest_between_instructions);
    RUN(pending_kick_comes_before_the_guest_runs);
    RUN(fpu_state_belongs_to_the_thread_s_guest);
    RUN(fpu_state_can_be_saved_and_put_back);
    RUN(fork_gives_each_side_its_own_memory);
    RUN(copies_end_at_what_is_not_mapped);
    RUN(kernel_calls_take_guest_addresses_of_the_attached_space);
    RUN(new_window_memory_shows_in_attached_guests);
#undef RUN
    return 0;
}

static bool wait_for_tests(void)
{
    struct wait_item item = {own_thread, SIGNAL_TERMINATED, 0};
    struct thread_info info;

    return wait_any(&item, 1, DEADLINE_NEVER) == OK && thread_info(own_thread, &info) == OK &&
           info.exit_code == 0;
}

static void spin_guest(void)
{
    uint32_t address;

    if (guest_bind(&address) != OK)
        return;
    frame = (struct guest_frame *)address;
    if (GUEST(spin) == OK && guest_enter_fast() == OK)
        return; /* only a kill ends it */
}

void server_main(uint32_t argument)
{
    uint32_t code = 0;

    report_port = argument & 0xffff;
    if (guest_copy_init() != OK)
        __builtin_trap();
    switch (argument >> 16) {
    case TASK_TESTS:
        own_thread = start_in(&slots[0], run_tests, NULL);
        code = wait_for_tests() ? 0 : 1;
        report(REPORT_DONE, "");
        break;
    case TASK_SPIN_GUEST:
        spin_guest();
        code = 1;
        break;
    case TASK_WRITE_NOTHING:
        *(volatile uint32_t *)0xb0000000 = 1;
        code = 1;
        break;
    case TASK_PRIVILEGED:
        __asm__ volatile("hlt");
        code = 1;
        break;
    }
    while (process_exit(code) != OK)
        ;
}
