/* SPDX-License-Identifier: MIT */
/* What threads of one process have in common: locks, condition variables, storage of their own, pools, fibers. */
#include "show.h"

#define WORKERS 4
#define ROUNDS  2000

static CRITICAL_SECTION section;
static CONDITION_VARIABLE changed = CONDITION_VARIABLE_INIT;
static SRWLOCK slim = SRWLOCK_INIT;
static int queued, taken, counter;
static BOOL finished;

static DWORD WINAPI count_up(void *use_slim)
{
    for (int i = 0; i < ROUNDS; i++) {
        if (use_slim)
            AcquireSRWLockExclusive(&slim);
        else
            EnterCriticalSection(&section);
        int before = counter;
        if (i % 100 == 0)
            SwitchToThread();
        counter = before + 1;
        if (use_slim)
            ReleaseSRWLockExclusive(&slim);
        else
            LeaveCriticalSection(&section);
    }
    return 0;
}

static void run_workers(LPTHREAD_START_ROUTINE routine, void *argument)
{
    HANDLE threads[WORKERS];
    for (int i = 0; i < WORKERS; i++)
        threads[i] = CreateThread(NULL, 0, routine, argument, 0, NULL);
    SHOW(WaitForMultipleObjects(WORKERS, threads, TRUE, LONG_TIME));
    for (int i = 0; i < WORKERS; i++)
        CloseHandle(threads[i]);
}

static DWORD WINAPI try_section(void *unused)
{
    (void)unused;
    return TryEnterCriticalSection(&section) ? 1 : 0;
}

static DWORD in_thread(LPTHREAD_START_ROUTINE routine, void *argument)
{
    DWORD code = 0;
    HANDLE thread = CreateThread(NULL, 0, routine, argument, 0, NULL);
    WaitForSingleObject(thread, LONG_TIME);
    GetExitCodeThread(thread, &code);
    CloseHandle(thread);
    return code;
}

static void locks(void)
{
    puts("-- locks");
    SHOW(InitializeCriticalSectionAndSpinCount(&section, 100));
    run_workers(count_up, NULL);
    printf("counted %d\n", counter);
    counter = 0;
    run_workers(count_up, &slim);
    printf("counted %d\n", counter);
    SHOW(TryEnterCriticalSection(&section));
    SHOW(TryEnterCriticalSection(&section));
    SHOW(in_thread(try_section, NULL));
    LeaveCriticalSection(&section);
    LeaveCriticalSection(&section);
    SHOW(in_thread(try_section, NULL));
    AcquireSRWLockShared(&slim);
    SHOW(TryAcquireSRWLockShared(&slim));
    SHOW(TryAcquireSRWLockExclusive(&slim));
    ReleaseSRWLockShared(&slim);
    ReleaseSRWLockShared(&slim);
    InitializeCriticalSection(&section); /* the thread that had it is gone */
}

static DWORD WINAPI take_all(void *unused)
{
    (void)unused;
    EnterCriticalSection(&section);
    while (!finished || queued) {
        if (queued) {
            queued--;
            taken++;
        } else {
            SleepConditionVariableCS(&changed, &section, INFINITE);
        }
    }
    LeaveCriticalSection(&section);
    return 0;
}

static DWORD WINAPI give(void *unused)
{
    (void)unused;
    for (int i = 0; i < ROUNDS; i++) {
        EnterCriticalSection(&section);
        queued++;
        LeaveCriticalSection(&section);
        WakeConditionVariable(&changed);
    }
    EnterCriticalSection(&section);
    finished = TRUE;
    LeaveCriticalSection(&section);
    WakeAllConditionVariable(&changed);
    return 0;
}

static void conditions(void)
{
    puts("-- condition variables");
    HANDLE giver = CreateThread(NULL, 0, give, NULL, 0, NULL);
    run_workers(take_all, NULL);
    SHOW(WaitForSingleObject(giver, LONG_TIME));
    printf("queued %d, taken %d\n", queued, taken);
    EnterCriticalSection(&section);
    SHOW(SleepConditionVariableCS(&changed, &section, SOON));
    LeaveCriticalSection(&section);
    AcquireSRWLockShared(&slim);
    SHOW(SleepConditionVariableSRW(&changed, &slim, SOON, CONDITION_VARIABLE_LOCKMODE_SHARED));
    ReleaseSRWLockShared(&slim);
}

static BOOL CALLBACK initialise(INIT_ONCE *once, void *parameter, void **context)
{
    (void)once;
    ++*(int *)parameter;
    *context = (void *)0x100;
    return TRUE;
}

static INIT_ONCE once = INIT_ONCE_STATIC_INIT;

static DWORD WINAPI initialise_once(void *times)
{
    void *context;
    return InitOnceExecuteOnce(&once, initialise, times, &context) && context == (void *)0x100;
}

static void once_only(void)
{
    int times = 0;
    BOOL pending;
    void *context;
    INIT_ONCE other = INIT_ONCE_STATIC_INIT;
    puts("-- once");
    run_workers(initialise_once, &times);
    SHOW(in_thread(initialise_once, &times));
    printf("initialised %d times\n", times);
    SHOW(InitOnceBeginInitialize(&other, INIT_ONCE_ASYNC, &pending, &context));
    printf("pending %d\n", pending);
    SHOW(InitOnceComplete(&other, INIT_ONCE_ASYNC, (void *)0x200));
    SHOW(InitOnceComplete(&other, INIT_ONCE_ASYNC, (void *)0x300));
}

static DWORD fiber_slot;

static void WINAPI slot_ends(void *value)
{
    printf("slot ends with %d\n", (int)(size_t)value);
}

static DWORD WINAPI use_slots(void *tls)
{
    SHOW(TlsGetValue((DWORD)(size_t)tls));
    SHOW(TlsSetValue((DWORD)(size_t)tls, (void *)2));
    SHOW(FlsSetValue(fiber_slot, (void *)7));
    return (DWORD)(size_t)TlsGetValue((DWORD)(size_t)tls);
}

static void storage(void)
{
    puts("-- storage of threads");
    DWORD tls = TlsAlloc();
    fiber_slot = FlsAlloc(slot_ends);
    SHOW(TlsSetValue(tls, (void *)1));
    SHOW(in_thread(use_slots, (void *)(size_t)tls));
    SHOW(TlsGetValue(tls));
    SHOW(FlsSetValue(fiber_slot, (void *)8));
    SHOW(FlsFree(fiber_slot));
    SHOW(TlsFree(tls));
    SHOW(TlsFree(5000));
}

static LONG worked, word;

static void CALLBACK work(TP_CALLBACK_INSTANCE *instance, void *context, TP_WORK *unused)
{
    (void)instance, (void)unused;
    InterlockedExchangeAdd(&worked, (LONG)(size_t)context);
}

static void CALLBACK timer_fires(TP_CALLBACK_INSTANCE *instance, void *event, TP_TIMER *timer)
{
    (void)instance, (void)timer;
    SetEvent(event);
}

static DWORD WINAPI queued_item(void *event)
{
    SetEvent(event);
    return 0;
}

static void pools(void)
{
    puts("-- pools");
    HANDLE event = CreateEventA(NULL, FALSE, FALSE, NULL);
    TP_WORK *item = CreateThreadpoolWork(work, (void *)3, NULL);
    for (int i = 0; i < 50; i++)
        SubmitThreadpoolWork(item);
    WaitForThreadpoolWorkCallbacks(item, FALSE);
    CloseThreadpoolWork(item);
    printf("worked %ld\n", worked);
    TP_TIMER *timer = CreateThreadpoolTimer(timer_fires, event, NULL);
    FILETIME due = {(DWORD)-100000, 0xffffffff};
    SetThreadpoolTimer(timer, &due, 0, 0);
    SHOW(WaitForSingleObject(event, LONG_TIME));
    CloseThreadpoolTimer(timer);
    SHOW(QueueUserWorkItem(queued_item, event, WT_EXECUTEDEFAULT));
    SHOW(WaitForSingleObject(event, LONG_TIME));
    CloseHandle(event);
}

static void *main_fiber;

static void CALLBACK other_fiber(void *text)
{
    for (;;) {
        printf("in the fiber: %s, data %d\n", (char *)text, GetFiberData() == text);
        SwitchToFiber(main_fiber);
    }
}

static void fibers(void)
{
    puts("-- fibers");
    main_fiber = ConvertThreadToFiber(NULL);
    SHOW(main_fiber != NULL && IsThreadAFiber());
    void *fiber = CreateFiber(0, other_fiber, "hello");
    SwitchToFiber(fiber);
    puts("back");
    SwitchToFiber(fiber);
    DeleteFiber(fiber);
    SHOW(ConvertFiberToThread());
}

static DWORD WINAPI spin(void *go_on)
{
    while (*(volatile LONG *)go_on)
        InterlockedIncrement(&word);
    return 5;
}

static void suspended(void)
{
    LONG go_on = TRUE;
    CONTEXT context = {.ContextFlags = CONTEXT_CONTROL};
    DWORD code;
    puts("-- suspended");
    HANDLE thread = CreateThread(NULL, 0, spin, &go_on, CREATE_SUSPENDED, NULL);
    SHOW(ResumeThread(thread));
    while (!word)
        Sleep(1);
    SHOW(SuspendThread(thread));
    SHOW(SuspendThread(thread));
    LONG before = word;
    Sleep(20);
    printf("stood still %d\n", word == before);
    SHOW(GetThreadContext(thread, &context));
    printf("in the program %d\n", context.Eip - (DWORD)(size_t)GetModuleHandleA(NULL) < 0x100000);
    SHOW(ResumeThread(thread));
    SHOW(ResumeThread(thread));
    SHOW(ResumeThread(thread));
    go_on = FALSE;
    SHOW(WaitForSingleObject(thread, LONG_TIME));
    SHOW(GetExitCodeThread(thread, &code));
    printf("exit code %lu\n", code);
}

int main(void)
{
    show_begin();
    locks();
    conditions();
    once_only();
    storage();
    pools();
    fibers();
    suspended();
    return 0;
}
