/* SPDX-License-Identifier: MIT */
/* Timers, APCs, abandoned mutants, completion ports and waits for several objects. */
#include "show.h"

static void CALLBACK timer_routine(void *argument, DWORD low, DWORD high)
{
    printf("timer routine %s, time %d\n", (const char *)argument, low != 0 && high != 0);
}

static void timers(void)
{
    LARGE_INTEGER due = {.QuadPart = -200000}; /* 20 ms */
    puts("-- timers");
    HANDLE timer = CreateWaitableTimerA(NULL, FALSE, NULL);
    SHOW(SetWaitableTimer(timer, &due, 0, timer_routine, "once", FALSE));
    SHOW(SleepEx(LONG_TIME, TRUE));
    SHOW(WaitForSingleObject(timer, 0));
    SHOW(WaitForSingleObject(timer, SOON));
    SHOW(SetWaitableTimer(timer, &due, 10, NULL, NULL, FALSE));
    for (int i = 0; i < 3; i++)
        SHOW(WaitForSingleObject(timer, LONG_TIME));
    SHOW(CancelWaitableTimer(timer));
    SHOW(WaitForSingleObject(timer, SOON));
    due.QuadPart = 0;
    SHOW(SetWaitableTimer(timer, &due, 0, timer_routine, "withdrawn", FALSE));
    SHOW(CancelWaitableTimer(timer));
    SHOW(SleepEx(10, TRUE));
    CloseHandle(timer);
}

static void CALLBACK user_apc(ULONG_PTR number)
{
    printf("APC %lu\n", (unsigned long)number);
}

static DWORD CALLBACK alertable_thread(void *argument)
{
    HANDLE event = argument;
    SHOW(WaitForSingleObjectEx(event, LONG_TIME, TRUE));
    return 0;
}

static void apcs(void)
{
    puts("-- APCs");
    HANDLE event = CreateEventA(NULL, FALSE, FALSE, NULL);
    SHOW(QueueUserAPC(user_apc, GetCurrentThread(), 1) != 0);
    SHOW(QueueUserAPC(user_apc, GetCurrentThread(), 2) != 0);
    SHOW(WaitForSingleObject(event, 0));
    SHOW(WaitForSingleObjectEx(event, LONG_TIME, TRUE));
    HANDLE thread = CreateThread(NULL, 0, alertable_thread, event, 0, NULL);
    Sleep(SOON);
    SHOW(QueueUserAPC(user_apc, thread, 3) != 0);
    SHOW(WaitForSingleObject(thread, LONG_TIME));
    SHOW(QueueUserAPC(user_apc, GetCurrentThread(), 4) != 0);
    SHOW(SignalObjectAndWait(event, thread, LONG_TIME, TRUE));
    SHOW(WaitForSingleObject(event, 0));
    CloseHandle(thread);
    CloseHandle(event);
}

static DWORD CALLBACK mutex_thread(void *argument)
{
    HANDLE *mutexes = argument;
    WaitForMultipleObjects(2, mutexes, TRUE, INFINITE);
    return 0;
}

static void mutexes(void)
{
    HANDLE mutex[2] = {CreateMutexA(NULL, FALSE, NULL), CreateMutexA(NULL, FALSE, NULL)};
    puts("-- abandoned mutexes");
    HANDLE thread = CreateThread(NULL, 0, mutex_thread, mutex, 0, NULL);
    SHOW(WaitForSingleObject(thread, LONG_TIME));
    SHOW(WaitForMultipleObjects(2, mutex, FALSE, LONG_TIME));
    SHOW(WaitForMultipleObjects(2, mutex, TRUE, LONG_TIME));
    SHOW(ReleaseMutex(mutex[0]));
    SHOW(ReleaseMutex(mutex[0]));
    SHOW(ReleaseMutex(mutex[0]));
    SHOW(ReleaseMutex(mutex[1]));
    CloseHandle(thread);
    CloseHandle(mutex[0]);
    CloseHandle(mutex[1]);
}

static void several(void)
{
    HANDLE objects[3] = {CreateEventA(NULL, FALSE, FALSE, NULL),
                         CreateEventA(NULL, TRUE, TRUE, NULL), CreateSemaphoreA(NULL, 1, 2, NULL)};
    puts("-- any and all");
    SHOW(WaitForMultipleObjects(3, objects, FALSE, 0));
    SHOW(WaitForMultipleObjects(3, objects, TRUE, 10));
    SHOW(WaitForSingleObject(objects[2], 0));
    SHOW(ReleaseSemaphore(objects[2], 2, NULL));
    SHOW(ReleaseSemaphore(objects[2], 1, NULL));
    SHOW(SetEvent(objects[0]));
    SHOW(WaitForMultipleObjects(3, objects, TRUE, 10));
    SHOW(WaitForSingleObject(objects[0], 0));
    SHOW(WaitForSingleObject(objects[2], 0));
    SHOW(WaitForSingleObject(objects[2], 0));
    SHOW(WaitForMultipleObjects(0, objects, TRUE, 10));
    for (int i = 0; i < 3; i++)
        CloseHandle(objects[i]);
}

static void ports(void)
{
    DWORD bytes;
    ULONG_PTR key;
    OVERLAPPED *overlapped;
    puts("-- completion ports");
    HANDLE port = CreateIoCompletionPort(INVALID_HANDLE_VALUE, NULL, 0, 1);
    SHOW(GetQueuedCompletionStatus(port, &bytes, &key, &overlapped, 10));
    SHOW(PostQueuedCompletionStatus(port, 5, 6, (OVERLAPPED *)7));
    SHOW(PostQueuedCompletionStatus(port, 8, 9, NULL));
    SHOW(WaitForSingleObject(port, 0));
    SHOW(GetQueuedCompletionStatus(port, &bytes, &key, &overlapped, 0));
    printf("%lu %lu %lu\n", bytes, (unsigned long)key, (unsigned long)(ULONG_PTR)overlapped);
    SHOW(GetQueuedCompletionStatus(port, &bytes, &key, &overlapped, 0));
    printf("%lu %lu %lu\n", bytes, (unsigned long)key, (unsigned long)(ULONG_PTR)overlapped);
    CloseHandle(port);
}

int main(void)
{
    show_begin();
    timers();
    apcs();
    mutexes();
    several();
    ports();
    return 0;
}
