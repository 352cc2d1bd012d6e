/* SPDX-License-Identifier: MIT */
/*
 * Signal frames on the guest's stack, exactly as Linux i386 lays them out, because debuggers,
 * unwinders and handlers that edit their ucontext know the layout:
 *
 *      higher   FXSAVE image, 64-aligned        512 bytes, of which 288 are written and read
 *               FSAVE image with status, magic  112 bytes     <- sigcontext.fpstate
 *               frame (linux_sigframe or linux_rt_sigframe), (address + 4) % 16 == 0
 *      esp ->   its first word is the return address: the restorer, or the vDSO's
 *
 * sigreturn reads back what the frame says; the kernel sanitises selectors and flags.
 */
#include <string.h>

#include "fpu.h"
#include "task.h"

#define FPU_FRAME_SIZE      offsetof(struct fpu_frame, extended.rest) /* what is copied of it */
#define FLAGS_RESTORED      0x40dd5u /* AC RF OF DF TF SF ZF AF PF CF */
#define FLAGS_HANDLER_CLEAR 0x10500u /* RF DF TF */

struct fpu_frame {
    struct fsave legacy;
    struct fxsave extended;
};

/* Writes the FPU state below *sp and moves *sp there. */
static int push_fpu(uint32_t *sp)
{
    struct fpu_frame frame;
    if (guest_fpu_read(HANDLE_SELF, &frame.extended) != OK)
        return -EFAULT;
    fsave_from_fxsave(&frame.legacy, &frame.extended);
    *sp = ((*sp - sizeof frame.extended) & ~63u) - sizeof frame.legacy;
    return copy_out(USER(*sp), &frame, FPU_FRAME_SIZE);
}

static int pop_fpu(uint32_t address)
{
    struct fpu_frame frame;
    if (address == 0)
        return guest_fpu_reset(X87_CONTROL) == OK ? 0 : -EFAULT;
    if (copy_in(&frame, USER(address), FPU_FRAME_SIZE) < 0)
        return -EFAULT;
    memset(frame.extended.rest, 0, sizeof frame.extended.rest);
    fxsave_from_fsave(&frame.extended, &frame.legacy);
    return guest_fpu_write(HANDLE_SELF, &frame.extended) == OK ? 0 : -EFAULT;
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

/* Sets every field: what is on the stack here is not for the guest. */
static void context_save(const struct thread *thread, struct sigcontext_32 *context,
                         uint32_t fpstate, uint64_t mask)
{
    const struct registers *regs = &thread->frame->regs;
    context->gs = (uint16_t)regs->gs;
    context->fs = (uint16_t)regs->fs;
    context->es = (uint16_t)regs->es;
    context->ds = (uint16_t)regs->ds;
    context->__gsh = context->__fsh = context->__esh = context->__dsh = 0;
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
    context->__csh = context->__ssh = 0;
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
    struct linux_sigframe_head head;
    struct linux_sigframe_tail tail = {.extra_mask = (uint32_t)(mask >> 32)};
    uint32_t at = frame_address(sp, sizeof(struct linux_sigframe));
    head.return_address = action->flags & SA_RESTORER ? action->restorer : vdso_sigreturn;
    head.signal = info->si_signo;
    context_save(thread, &head.context, fpstate, mask);
    memcpy(tail.code, "\x58\xb8\x77\x00\x00\x00\xcd\x80",
           8); /* pop %eax; mov $sigreturn, %eax; int $0x80 */
    if (copy_out(USER(at), &head, sizeof head) < 0 ||
        copy_out(USER(at + offsetof(struct linux_sigframe, tail)), &tail, sizeof tail) < 0)
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
    struct sigcontext_32 context;
    uint32_t extra_mask,
        frame = thread->frame->regs.esp - 8; /* the handler and its code popped two */
    thread->orig_eax = -1;
    if (copy_in(&context, USER(frame + offsetof(struct linux_sigframe, head.context)),
                sizeof context) < 0 ||
        get_user(&extra_mask, USER(frame + offsetof(struct linux_sigframe, tail.extra_mask))) < 0)
        return bad_frame(thread);
    restore_mask(thread, context.oldmask, extra_mask);
    return context_restore(thread, &context) < 0 ? bad_frame(thread) : -RESULT_KEEP_REGISTERS;
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
