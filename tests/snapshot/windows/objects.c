/* SPDX-License-Identifier: MIT */
/*
 * Threads that wait on events, a mutex, a semaphore, a timer and a pipe, with a file, shared memory and
 * floating point going on: a line a round, the same whenever it is interrupted. Ends with code 7.
 */
#include <stdio.h>
#include <windows.h>

enum { ROUNDS = 30, CYCLE = 15 };

static HANDLE go[2], done, mutex, semaphore, timer, pipe_in, pipe_out, file, section;
static volatile LONG counts[2], received, ticks;
static volatile double sum;
static __thread int own;

/* Waits for its event, takes the mutex, counts, and says so. */
static DWORD CALLBACK counter(void *argument)
{
    int number = (int)(INT_PTR)argument;
    own = 100 * (number + 1);
    for (int i = 0; i < ROUNDS; i++) {
        WaitForSingleObject(go[number], INFINITE);
        WaitForSingleObject(mutex, INFINITE);
        counts[number] += ++own;
        ReleaseMutex(mutex);
        ReleaseSemaphore(semaphore, 1, NULL);
    }
    return 10 + number;
}

/* Reads what comes through the pipe until it is closed. */
static DWORD CALLBACK reader(void *argument)
{
    char byte;
    DWORD length;
    (void)argument;
    while (ReadFile(pipe_in, &byte, 1, &length, NULL) && length == 1) {
        received += byte;
        SetEvent(done);
    }
    return 20;
}

static void one_round(int round, volatile int *shared)
{
    HANDLE all[2] = {timer, done};
    LARGE_INTEGER due = {.QuadPart = -CYCLE * 10000};
    DWORD length;
    char text[32], byte = (char)round;
    SetWaitableTimer(timer, &due, 0, NULL, NULL, FALSE);
    SetEvent(go[0]);
    SetEvent(go[1]);
    WaitForSingleObject(semaphore, INFINITE);
    WaitForSingleObject(semaphore, INFINITE);
    WriteFile(pipe_out, &byte, 1, &length, NULL);
    WaitForMultipleObjects(2, all, TRUE, INFINITE);
    ticks++;
    sum = sum + 1.0 / (round + 1);
    shared[round] = round * round;
    length = (DWORD)snprintf(text, sizeof text, "%d\n", round);
    WriteFile(file, text, length, &length, NULL);
    printf("%d: %ld %ld %ld %ld %.6f %d %lu\n", round, counts[0], counts[1], received, ticks, sum,
           shared[round / 2], SetFilePointer(file, 0, NULL, FILE_CURRENT));
    fflush(stdout);
}

int main(int argc, char **argv)
{
    HANDLE threads[3];
    DWORD code;
    const char *path = argc > 1 ? argv[1] : "objects.tmp";
    for (int i = 0; i < 2; i++)
        go[i] = CreateEventA(NULL, FALSE, FALSE, NULL);
    done = CreateEventA(NULL, FALSE, FALSE, "Local\\objects-done");
    mutex = CreateMutexA(NULL, FALSE, NULL);
    semaphore = CreateSemaphoreA(NULL, 0, 10, NULL);
    timer = CreateWaitableTimerA(NULL, FALSE, NULL);
    CreatePipe(&pipe_in, &pipe_out, NULL, 0);
    file = CreateFileA(path, GENERIC_READ | GENERIC_WRITE, FILE_SHARE_READ, NULL, CREATE_ALWAYS, 0,
                       NULL);
    section = CreateFileMappingA(INVALID_HANDLE_VALUE, NULL, PAGE_READWRITE, 0, 65536, NULL);
    volatile int *shared = MapViewOfFile(section, FILE_MAP_WRITE, 0, 0, 0);
    for (int i = 0; i < 2; i++)
        threads[i] = CreateThread(NULL, 0, counter, (void *)(INT_PTR)i, 0, NULL);
    threads[2] = CreateThread(NULL, 0, reader, NULL, 0, NULL);
    for (int round = 0; round < ROUNDS; round++)
        one_round(round, shared);
    CloseHandle(pipe_out);
    for (int i = 0; i < 3; i++) {
        WaitForSingleObject(threads[i], INFINITE);
        GetExitCodeThread(threads[i], &code);
        printf("thread %d: %lu\n", i, code);
    }
    return 7;
}
