/* SPDX-License-Identifier: MIT */
/*
 * All that a processor architecture provides to the generic kernel. Generic code includes this and
 * never a header of arch/; nothing outside arch/ names a register or touches a page table.
 *
 * The kernel runs with interrupts disabled except in the idle loop and is not preemptible: code
 * between two calls of thread_block/thread_yield is atomic. Interrupts are taken in guest, server
 * and native code and while idle; a due reschedule happens on the way back out of the kernel.
 */
#ifndef KERNEL_ARCH_H
#define KERNEL_ARCH_H

#include <atomik/objects.h>
#include <atomik/types.h>

typedef uint32_t paddr_t;
struct thread;
struct process;
struct space;
struct page;

/* ---- boot: filled by arch before kernel_main() ---- */
#define BOOT_MODULES 8
#define BOOT_REGIONS 32
struct boot_info {
    char cmdline[512];
    struct boot_region {
        paddr_t start;
        uint32_t pages;
    } ram[BOOT_REGIONS]; /* usable RAM, whole pages, kernel image and modules NOT removed */
    uint32_t ram_count;
    struct boot_module {
        paddr_t start;
        uint32_t length;
    } modules[BOOT_MODULES];
    uint32_t module_count;
    paddr_t kernel_end; /* first free byte after the kernel image (image starts at 1 MiB) */
};
extern struct boot_info boot_info;
void kernel_main(void) __attribute__((noreturn)); /* called by arch on the boot stack, paging on */

/* ---- memory the kernel sees ---- */
#define DIRECT_MAP_PAGES (0x38000000u >> 12) /* 896 MiB of RAM at KERNEL_BASE */
void *arch_direct(paddr_t address);          /* address < 896 MiB */
paddr_t arch_direct_to_phys(const void *pointer);
/* Temporary view of any frame; at most 4 nested, unmapped in reverse order, never held across a block. */
void *arch_map_temporary(paddr_t frame);
void arch_unmap_temporary(void *view);
void arch_zero_page(void *page);
void arch_copy_page(void *to, const void *from);

/* ---- address space views (page tables) ---- */
struct arch_space {
    uint32_t *directory; /* direct-map pointer */
    paddr_t directory_phys;
    uint32_t *window; /* page directory of the server whose window this space shows, or NULL */
    void *ldt;        /* NULL or descriptor table of LDT_MAX_ENTRIES, grown on demand */
    uint32_t ldt_entries;
};
enum arch_map_bits {
    ARCH_READ = 1,
    ARCH_WRITE = 2,
    ARCH_EXEC = 4,
    ARCH_SUPERVISOR = 8,
    ARCH_UNCACHED = 16
};
/* window_owner: the server's space, or NULL. */
status_t arch_space_init(struct arch_space *space, const struct arch_space *window_owner);
/* Frees tables, no user pages; nothing is left to unmap. */
void arch_space_destroy(struct arch_space *space);
/*
 * bits: arch_map_bits, and the enum frame_use of a table page. Replaces what is there; flushes.
 * NO_MEMORY. arch_unmap: absent pages are fine, whole empty tables are skipped fast.
 */
status_t arch_map(struct arch_space *space, uintptr_t address, paddr_t frame, uint32_t bits);
void arch_unmap(struct arch_space *space, uintptr_t address, uint32_t pages);
void arch_write_protect(struct arch_space *space, uintptr_t address, uint32_t pages);
bool arch_query(struct arch_space *space, uintptr_t address, paddr_t *frame, uint32_t *bits);
/* Window fault: copies the missing directory entry from the window owner. True if that resolved it. */
bool arch_window_sync(struct arch_space *space, uintptr_t address);
void arch_space_switch(struct arch_space *space); /* NULL: kernel only */
/* The descriptor has been checked by arch_descriptor_ok. */
status_t arch_ldt_set(struct arch_space *space, uint32_t index, uint32_t low, uint32_t high);
status_t arch_ldt_clone(struct arch_space *to, const struct arch_space *from);
/* Null, or present code or data of DPL 3 (not system, not a gate). */
bool arch_descriptor_ok(uint32_t low, uint32_t high);

/* ---- copies between kernel and the current thread's user memory ---- */
/* Address ranges are checked against `limit` of the current thread's mode by the caller (user.c); these recover from faults: false = fault. */
/* Either side may be user memory of the current space. */
bool arch_copy_user(void *to, const void *from, uint32_t length);

/* ---- threads ---- */
#define KERNEL_STACK_SIZE 8192
void arch_stacks_init(void);     /* after frame_init, before the first address space */
uint8_t *arch_stack_alloc(void); /* the lowest byte, with nothing mapped below it; NULL when out */
void arch_stack_free(uint8_t *stack); /* not the one in use */
uint32_t arch_stack_frames(void);
/* Leaves the current stack for good. */
void arch_run_on_stack(uint8_t *stack, void (*entry)(void)) __attribute__((noreturn));
struct arch_thread {
    void *stack_pointer;       /* saved kernel esp while not running */
    uint8_t *stack_top;        /* end of the kernel stack */
    struct guest_frame *frame; /* kernel view (direct map) of the guest frame page, or NULL */
    uint32_t tls[GUEST_TLS_SLOTS][2]; /* changed only through arch_tls_set, arch_native_tls_set */
    bool server;                      /* a thread of a ring-1 server: ring 3 is its guest */
    bool in_guest;    /* ring 3 state is the guest's; true to the fact inside the kernel */
    bool guest_extra; /* the guest uses more than TLS slot 0: LDT, slots 1-2, debug registers */
    bool fpu_fresh;   /* in the start state with fpu_control; fpu and the registers hold nothing */
    uint16_t fpu_control;
    uint32_t debug[8]; /* changed only through arch_debug_set */
    uint8_t *ioports;  /* process's I/O bitmap or NULL; may be set at any time */
    uint8_t fpu[FPU_STATE_SIZE] __attribute__((aligned(16)));
};
/* Prepare a new thread so that the first arch_switch to it runs entry(argument) in the kernel. */
void arch_thread_init_kernel(struct thread *thread, void (*entry)(void *), void *argument);
/* Same, but it goes straight to ring 3 (or ring 1 for a server process) at eip/esp with eax = argument. */
void arch_thread_init_user(struct thread *thread, bool server, uint32_t eip, uint32_t esp,
                           uint32_t eax);
void arch_thread_init_boot(struct thread *thread); /* the context that called kernel_main */
/*
 * Stacks, TSS esp0, TLS/LDT, lazy FPU (CR0.TS), debug registers, I/O bitmap; the caller has switched
 * the address space already.
 */
void arch_switch(struct thread *from, struct thread *to);
void arch_thread_release(struct thread *thread); /* drops FPU ownership */
/* Guest TLS slot of the thread (descriptor already checked by arch_descriptor_ok); effective at once. */
void arch_tls_set(struct thread *thread, uint32_t slot, uint32_t low, uint32_t high);
void arch_native_tls_set(uint32_t base); /* current native thread: loads %gs too */
/* A kernel call that is about to return is made again instead, if its number is what it returns. */
void arch_call_again(struct thread *thread);
/* Call 37: dr0-3, dr6, dr7, sanitised here. */
void arch_debug_set(struct thread *thread, const uint32_t registers[6]);
/* The contents of an I/O bitmap changed, or it is about to be freed. */
void arch_ioports_changed(const uint8_t *bitmap);
/* The state, in memory alone until the thread runs on. */
const void *arch_fpu_image(struct thread *thread);
void *arch_fpu_replace(struct thread *thread); /* the same to be written; it may be anything */
void arch_fpu_reset(struct thread *thread, uint16_t control_word);
/* Ends the guest part of the current trap with this reason: fills the frame, makes the return from the kernel go to the server. */
void arch_guest_leave(struct thread *thread, uint32_t reason, uint32_t vector, uint32_t error,
                      uint32_t address);
/* The ring-3/1 registers of a native thread inside the kernel. */
struct registers *arch_user_registers(struct thread *thread);
/* Sanitise registers that user code supplied for a native thread. */
void arch_registers_sanitise(struct registers *registers, bool server);

/* ---- interrupts and time ---- */
#define IRQ_LINES 16
void arch_irq_mask(uint32_t line);
void arch_irq_unmask(uint32_t line);
/* Enable interrupts and halt until one was taken; returns with interrupts off. */
void arch_idle(void);
ktime_t arch_clock_now(void); /* monotonic ns */
uint32_t arch_clock_khz(void);
uint64_t arch_rtc_read(void); /* seconds since 1970 */
#define TICK_HZ 250
uint32_t arch_entropy(void);

/* ---- early text, end of the machine ---- */
/* VGA text and COM1, polled; each until a process may use its ports (arch_ioports_changed sees that). */
void arch_console_write(const char *text, uint32_t length);
void arch_console_reclaim(void); /* for panic */
void arch_power_off(void);
void arch_reboot(void) __attribute__((noreturn));
/* After the message: QEMU exits non-zero through port 0xf4, else halt. */
void arch_panic_exit(void) __attribute__((noreturn));
void arch_registers_here(struct registers *registers); /* as they are in the caller, roughly */
void arch_backtrace_registers(const struct registers *registers); /* from a trap in the kernel */

/* ---- calls from arch into the generic kernel ---- */
void kernel_tick(void);         /* clock interrupt: timers, time slices */
void kernel_irq(uint32_t line); /* device interrupt; line is masked already */
/* A page fault. true: resolved, retry. Called for guest, server, native code and user copies. write/fetch as known. */
bool kernel_page_fault(uintptr_t address, bool write, bool fetch);
/* The same for a fault outside the kernel, which may wait for the page. */
bool kernel_page_fault_wait(uintptr_t address, bool write, bool fetch);
/* An exception of ring 3 native or ring 1 server code that nothing resolved. registers may be changed. */
void kernel_exception(uint32_t vector, uint32_t error, uintptr_t address,
                      struct registers *registers);
/*
 * A kernel call: number and six words; returns the status for eax. guest_enter of a server thread
 * never gets here: arch runs it (so the row's handler can only be reached by native threads).
 */
status_t kernel_call_dispatch(uint32_t number, const uint32_t words[6]);
/* On every way out of the kernel to user code: reschedule, kick, kill. Cheap when nothing is due (check current->attention first in assembly). */
void kernel_exit_work(void);
void kernel_thread_started(void); /* first thing that a new thread does after the switch to it */
void panic(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));
void panic_registers(const struct registers *registers, const char *format, ...)
    __attribute__((noreturn, format(printf, 2, 3)));

#endif
