/* SPDX-License-Identifier: MIT */
/*
 * Signal frames on the guest's stack, exactly as Linux i386 lays them out, because debuggers,
 * unwinders and handlers that edit their ucontext know the layout:
 *
 *      higher   FXSAVE image, 64-aligned        512 bytes
 *               FSAVE image with status, magic  112 bytes     <- sigcontext.fpstate
 *               frame (linux_sigframe or linux_rt_sigframe), (address + 4) % 16 == 0
 *      esp ->   its first word is the return address: the restorer, or the vDSO's
 *
 * sigreturn reads back what the frame says; the kernel sanitises selectors and flags.
 */
#include <string.h>

#include "fpu.h"
#include "task.h"

#define LEGACY_SIZE         112u
#define FLAGS_RESTORED      0x40dd5u /* AC RF OF DF TF SF ZF AF PF CF */
#define FLAGS_HANDLER_CLEAR 0x10500u /* RF DF TF */

/* Writes the FPU state below *sp and moves *sp there. */
static int push_fpu(uint32_t *sp)
{
    struct {
        struct fsave legacy;
        struct fxsave extended;
    } image;
    if (guest_fpu_read(HANDLE_SELF, &image.extended) != OK)
        return -EFAULT;
    fsave_from_fxsave(&image.legacy, &image.extended);
    *sp = ((*sp - FPU_STATE_SIZE) & ~63u) - LEGACY_SIZE;
    return copy_out(USER(*sp), &image, sizeof image);
}

static int pop_fpu(uint32_t address)
{
    struct {
        struct fsave legacy;
        struct fxsave extended;
    } image;
    if (address == 0)
        return guest_fpu_reset(X87_CONTROL) == OK ? 0 : -EFAULT;
    if (copy_in(&image, USER(address), sizeof image) < 0)
        return -EFAULT;
    fxsave_from_fsave(&image.extended, &image.legacy);
    return guest_fpu_write(HANDLE_SELF, &image.extended) == OK ? 0 : -EFAULT;
}

static bool on_altstack(const struct thread *thread, uint32_t sp)
{
    return thread->altstack_size != 0 && sp > thread->altstack &&
           sp - thread->altstack <= thread->altstack_size;
}

/* Where the frame begins; 0 if it would run over the end of the alternate stack. */
static uint32_t choose_stack(const struct thread *thread, const struct linux_sigaction *action)
{
    uint32_t sp = thread->frame->regs.esp;
    if ((action->flags & SA_ONSTACK) && thread->altstack_size != 0 && !on_altstack(thread, sp))
        return thread->altstack + thread->altstack_size;
    if (on_altstack(thread, sp) && sp - thread->altstack < sizeof(struct linux_rt_sigframe) + 700)
        return 0;
    return sp;
}

static void context_save(const struct thread *thread, struct sigcontext_32 *context,
                         uint32_t fpstate, uint64_t mask)
{
    const struct registers *regs = &thread->frame->regs;
    memset(context, 0, sizeof *context);
    context->gs = (uint16_t)regs->gs;
    context->fs = (uint16_t)regs->fs;
    context->es = (uint16_t)regs->es;
    context->ds = (uint16_t)regs->ds;
    context->di = regs->edi;
    context->si = regs->esi;
    context->bp = regs->ebp;
    context->sp = regs->esp;
    context->bx = regs->ebx;
    context->dx = regs->edx;
    context->cx = regs->ecx;
    context->ax = regs->eax;
    context->trapno = thread->trap_vector;
    context->err = thread->trap_error;
    context->ip = regs->eip;
    context->cs = (uint16_t)regs->cs;
    context->flags = regs->eflags;
    context->sp_at_signal = regs->esp;
    context->ss = (uint16_t)regs->ss;
    context->fpstate = fpstate;
    context->oldmask = (uint32_t)mask;
    context->cr2 = thread->trap_address;
}

static int context_restore(struct thread *thread, const struct sigcontext_32 *context)
{
    struct registers *regs = &thread->frame->regs;
    regs->gs = context->gs;
    regs->fs = context->fs;
    regs->es = context->es;
    regs->ds = context->ds;
    regs->edi = context->di;
    regs->esi = context->si;
    regs->ebp = context->bp;
    regs->esp = context->sp;
    regs->ebx = context->bx;
    regs->edx = context->dx;
    regs->ecx = context->cx;
    regs->eax = context->ax;
    regs->eip = context->ip;
    regs->cs = context->cs | 3;
    regs->ss = context->ss | 3;
    regs->eflags = (regs->eflags & ~FLAGS_RESTORED) | (context->flags & FLAGS_RESTORED);
    return pop_fpu(context->fpstate);
}

static uint32_t frame_address(uint32_t sp, uint32_t size)
{
    return ((sp - size + 4) & ~15u) - 4;
}

static void enter_handler(struct thread *thread, uint32_t handler, uint32_t sp, uint32_t signal,
                          uint32_t info, uint32_t context)
{
    struct registers *regs = &thread->frame->regs;
    regs->esp = sp;
    regs->eip = handler;
    regs->eax = signal;
    regs->edx = info;
    regs->ecx = context;
    regs->ds = regs->es = regs->ss = GUEST_DS;
    regs->cs = GUEST_CS;
    regs->eflags &= ~FLAGS_HANDLER_CLEAR;
    ignore(guest_fpu_reset(X87_CONTROL));
}

static int push_rt(struct thread *thread, const struct linux_sigaction *action,
                   const siginfo_t *info, uint64_t mask, uint32_t sp, uint32_t fpstate)
{
    struct linux_rt_sigframe frame = {.signal = info->si_signo, .info = *info};
    uint32_t at = frame_address(sp, sizeof frame);
    frame.return_address = action->flags & SA_RESTORER ? action->restorer : vdso_rt_sigreturn;
    frame.info_address = at + offsetof(struct linux_rt_sigframe, info);
    frame.context_address = at + offsetof(struct linux_rt_sigframe, context);
    frame.context.stack_sp = thread->altstack;
    frame.context.stack_size = thread->altstack_size;
    frame.context.stack_flags = thread->altstack_size == 0                     ? SS_DISABLE
                                : on_altstack(thread, thread->frame->regs.esp) ? SS_ONSTACK
                                                                               : 0;
    frame.context.mask[0] = (uint32_t)mask;
    frame.context.mask[1] = (uint32_t)(mask >> 32);
    context_save(thread, &frame.context.context, fpstate, mask);
    memcpy(frame.code, "\xb8\xad\x00\x00\x00\xcd\x80", 8); /* mov $rt_sigreturn, %eax; int $0x80 */
    if (copy_out(USER(at), &frame, sizeof frame) < 0)
        return -EFAULT;
    enter_handler(thread, action->handler, at, (uint32_t)info->si_signo, frame.info_address,
                  frame.context_address);
    return 0;
}

static int push_old(struct thread *thread, const struct linux_sigaction *action,
                    const siginfo_t *info, uint64_t mask, uint32_t sp, uint32_t fpstate)
{
    struct linux_sigframe frame = {.signal = info->si_signo, .extra_mask = (uint32_t)(mask >> 32)};
    uint32_t at = frame_address(sp, sizeof frame);
    frame.return_address = action->flags & SA_RESTORER ? action->restorer : vdso_sigreturn;
    context_save(thread, &frame.context, fpstate, mask);
    memcpy(frame.code, "\x58\xb8\x77\x00\x00\x00\xcd\x80",
           8); /* pop %eax; mov $sigreturn, %eax; int $0x80 */
    if (copy_out(USER(at), &frame, sizeof frame) < 0)
        return -EFAULT;
    enter_handler(thread, action->handler, at, (uint32_t)info->si_signo, 0, 0);
    return 0;
}

int sigframe_push(struct thread *thread, const struct linux_sigaction *action,
                  const siginfo_t *info, uint64_t mask)
{
    uint32_t sp = choose_stack(thread, action);
    if (sp == 0 || push_fpu(&sp) < 0)
        return -EFAULT;
    return (action->flags & SA_SIGINFO ? push_rt : push_old)(thread, action, info, mask, sp, sp);
}

static int bad_frame(struct thread *thread)
{
    server_lock();
    signal_fault(thread, SIGSEGV, SI_KERNEL, 0);
    server_unlock();
    return -RESULT_KEEP_REGISTERS;
}

static void restore_mask(struct thread *thread, uint32_t low, uint32_t high)
{
    server_lock();
    signal_set_mask(thread, low | (uint64_t)high << 32);
    server_unlock();
}

int sigframe_pop(struct thread *thread)
{
    struct linux_sigframe frame;
    thread->orig_eax = -1;
    if (copy_in(&frame, USER(thread->frame->regs.esp - 8), sizeof frame) < 0)
        return bad_frame(thread);
    restore_mask(thread, frame.context.oldmask, frame.extra_mask);
    return context_restore(thread, &frame.context) < 0 ? bad_frame(thread) : -RESULT_KEEP_REGISTERS;
}

int sigframe_pop_rt(struct thread *thread)
{
    struct linux_ucontext context;
    uint32_t frame = thread->frame->regs.esp - 4;
    thread->orig_eax = -1;
    if (copy_in(&context, USER(frame + offsetof(struct linux_rt_sigframe, context)),
                sizeof context) < 0)
        return bad_frame(thread);
    restore_mask(thread, context.mask[0], context.mask[1]);
    if (context_restore(thread, &context.context) < 0)
        return bad_frame(thread);
    if (!on_altstack(thread, thread->frame->regs.esp) &&
        !(context.stack_flags & ~(uint32_t)SS_DISABLE)) {
        thread->altstack = context.stack_sp;
        thread->altstack_size = context.stack_flags & SS_DISABLE ? 0 : context.stack_size;
    }
    return -RESULT_KEEP_REGISTERS;
}
