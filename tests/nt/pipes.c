/* SPDX-License-Identifier: MIT */
/* Named pipes: pending reads, writes and connects, how they end, messages, states and quotas. */
#include "show.h"

#define NAME "\\\\.\\pipe\\atomik-test"

static HANDLE server, client;

static void open_pair(DWORD mode, DWORD size)
{
    server = CreateNamedPipeA(NAME, PIPE_ACCESS_DUPLEX | FILE_FLAG_OVERLAPPED, mode, 1, size, size,
                              0, NULL);
    client = CreateFileA(NAME, GENERIC_READ | GENERIC_WRITE, 0, NULL, OPEN_EXISTING,
                         FILE_FLAG_OVERLAPPED, NULL);
    printf("pair %d %d\n", server != INVALID_HANDLE_VALUE, client != INVALID_HANDLE_VALUE);
}

static void close_pair(void)
{
    CloseHandle(client);
    CloseHandle(server);
}

static void show_overlapped(const char *what, OVERLAPPED *overlapped)
{
    DWORD done = 0;
    SetLastError(0);
    BOOL ok = GetOverlappedResult(server, overlapped, &done, TRUE);
    printf("%s: %d, %lu bytes, error %lu\n", what, ok, done, ok ? 0 : GetLastError());
}

static void read_that_waits(void)
{
    char buffer[16] = "";
    OVERLAPPED read = {.hEvent = CreateEventA(NULL, TRUE, TRUE, NULL)};
    DWORD done;
    puts("-- a read that waits");
    open_pair(PIPE_TYPE_BYTE, 4096);
    SHOW(ReadFile(server, buffer, sizeof buffer, NULL, &read));
    SHOW(WaitForSingleObject(read.hEvent, SOON));
    OVERLAPPED write = {0};
    SHOW(WriteFile(client, "hello", 5, &done, &write));
    SHOW(WaitForSingleObject(read.hEvent, LONG_TIME));
    show_overlapped("read", &read);
    printf("%.5s\n", buffer);
    CloseHandle(read.hEvent);
    close_pair();
}

static void cancelling(void)
{
    char buffer[16];
    OVERLAPPED first = {.hEvent = CreateEventA(NULL, TRUE, FALSE, NULL)};
    OVERLAPPED second = {.hEvent = CreateEventA(NULL, TRUE, FALSE, NULL)};
    puts("-- cancelling");
    open_pair(PIPE_TYPE_BYTE, 4096);
    SHOW(ReadFile(server, buffer, sizeof buffer, NULL, &first));
    SHOW(ReadFile(server, buffer, sizeof buffer, NULL, &second));
    SHOW(CancelIoEx(server, &second));
    show_overlapped("second", &second);
    SHOW(CancelIo(server));
    show_overlapped("first", &first);
    CloseHandle(first.hEvent);
    CloseHandle(second.hEvent);
    close_pair();
}

static void CALLBACK read_done(DWORD error, DWORD done, OVERLAPPED *overlapped)
{
    printf("routine: error %lu, %lu bytes, offset %lu\n", error, done, overlapped->Offset);
}

static void routines(void)
{
    char buffer[16];
    OVERLAPPED read = {.Offset = 7}, write = {0};
    DWORD done;
    puts("-- completion routines run in alertable waits");
    open_pair(PIPE_TYPE_BYTE, 4096);
    SHOW(ReadFileEx(server, buffer, sizeof buffer, &read, read_done));
    SHOW(SleepEx(SOON, TRUE));
    SHOW(WriteFile(client, "abc", 3, &done, &write));
    SHOW(SleepEx(0, FALSE));
    SHOW(SleepEx(LONG_TIME, TRUE));
    close_pair();
}

static void ports(void)
{
    char buffer[16];
    OVERLAPPED read = {0}, write = {0}, *ended;
    DWORD done;
    ULONG_PTR key;
    puts("-- completion ports");
    open_pair(PIPE_TYPE_BYTE, 4096);
    HANDLE port = CreateIoCompletionPort(server, NULL, 42, 0);
    SHOW(ReadFile(server, buffer, sizeof buffer, NULL, &read));
    SHOW(GetQueuedCompletionStatus(port, &done, &key, &ended, 0));
    SHOW(WriteFile(client, "12345678", 8, &done, &write));
    SHOW(GetQueuedCompletionStatus(port, &done, &key, &ended, LONG_TIME));
    printf("%lu bytes, key %lu, ours %d\n", done, (unsigned long)key, ended == &read);
    SHOW(ReadFile(server, buffer, sizeof buffer, NULL, &read));
    CloseHandle(client);
    SHOW(GetQueuedCompletionStatus(port, &done, &key, &ended, LONG_TIME));
    CloseHandle(server);
    CloseHandle(port);
}

static void messages(void)
{
    char buffer[8];
    OVERLAPPED overlapped = {.hEvent = CreateEventA(NULL, TRUE, FALSE, NULL)};
    DWORD done, left, total;
    puts("-- messages");
    open_pair(PIPE_TYPE_MESSAGE | PIPE_READMODE_MESSAGE, 4096);
    SHOW(WriteFile(client, "one", 3, &done, &overlapped));
    SHOW(WriteFile(client, "and another", 11, &done, &overlapped));
    SHOW(PeekNamedPipe(server, NULL, 0, NULL, &total, &left));
    printf("total %lu, first message %lu\n", total, left);
    SHOW(ReadFile(server, buffer, sizeof buffer, &done, &overlapped));
    printf("%.*s\n", (int)done, buffer);
    SHOW(ReadFile(server, buffer, sizeof buffer, &done, &overlapped));
    show_overlapped("a part", &overlapped);
    SHOW(ReadFile(server, buffer, sizeof buffer, &done, &overlapped));
    printf("%.*s\n", (int)done, buffer);
    CloseHandle(overlapped.hEvent);
    close_pair();
}

static void quota(void)
{
    static char large[300];
    char buffer[sizeof large];
    OVERLAPPED write = {.hEvent = CreateEventA(NULL, TRUE, FALSE, NULL)};
    OVERLAPPED read = {.hEvent = CreateEventA(NULL, TRUE, FALSE, NULL)};
    DWORD done;
    puts("-- a write beyond the quota waits until enough is read");
    open_pair(PIPE_TYPE_BYTE, 100);
    SHOW(WriteFile(client, large, sizeof large, &done, &write));
    SHOW(WaitForSingleObject(write.hEvent, SOON));
    SHOW(ReadFile(server, buffer, 250, &done, &read));
    SHOW(WaitForSingleObject(write.hEvent, LONG_TIME));
    show_overlapped("write", &write);
    CloseHandle(write.hEvent);
    CloseHandle(read.hEvent);
    close_pair();
}

static DWORD CALLBACK connect_later(void *argument)
{
    (void)argument;
    Sleep(SOON);
    client = CreateFileA(NAME, GENERIC_READ | GENERIC_WRITE, 0, NULL, OPEN_EXISTING, 0, NULL);
    return 0;
}

static void connecting(void)
{
    OVERLAPPED connect = {.hEvent = CreateEventA(NULL, TRUE, FALSE, NULL)};
    char byte;
    DWORD done;
    puts("-- connecting and disconnecting");
    SHOW(WaitNamedPipeA(NAME, 10));
    server = CreateNamedPipeA(NAME, PIPE_ACCESS_DUPLEX | FILE_FLAG_OVERLAPPED, PIPE_TYPE_BYTE, 1, 0,
                              0, 0, NULL);
    SHOW(CreateNamedPipeA(NAME, PIPE_ACCESS_DUPLEX, PIPE_TYPE_BYTE, 1, 0, 0, 0, NULL) ==
         INVALID_HANDLE_VALUE);
    SHOW(WaitNamedPipeA(NAME, 10));
    HANDLE thread = CreateThread(NULL, 0, connect_later, NULL, 0, NULL);
    SHOW(ConnectNamedPipe(server, &connect));
    SHOW(WaitForSingleObject(connect.hEvent, LONG_TIME));
    WaitForSingleObject(thread, LONG_TIME);
    CloseHandle(thread);
    SHOW(ConnectNamedPipe(server, &connect));
    SHOW(WaitNamedPipeA(NAME, 10));
    SHOW(DisconnectNamedPipe(server));
    SHOW(ReadFile(client, &byte, 1, &done, NULL));
    SHOW(WriteFile(client, "x", 1, &done, NULL));
    SHOW(DisconnectNamedPipe(server));
    CloseHandle(connect.hEvent);
    close_pair();
}

static DWORD CALLBACK blocked_reader(void *argument)
{
    char byte;
    DWORD done;
    HANDLE read_end = argument;
    SHOW(ReadFile(read_end, &byte, 1, &done, NULL));
    return 0;
}

static void closing(void)
{
    HANDLE read_end, write_end;
    char byte;
    DWORD done;
    puts("-- the end of anonymous pipes");
    SHOW(CreatePipe(&read_end, &write_end, NULL, 0));
    HANDLE thread = CreateThread(NULL, 0, blocked_reader, read_end, 0, NULL);
    Sleep(SOON);
    CloseHandle(write_end);
    SHOW(WaitForSingleObject(thread, LONG_TIME));
    CloseHandle(thread);
    CloseHandle(read_end);
    CreatePipe(&read_end, &write_end, NULL, 0);
    SHOW(WriteFile(write_end, "z", 1, &done, NULL));
    CloseHandle(write_end);
    SHOW(ReadFile(read_end, &byte, 1, &done, NULL));
    SHOW(ReadFile(read_end, &byte, 1, &done, NULL));
    CloseHandle(read_end);
    CreatePipe(&read_end, &write_end, NULL, 0);
    CloseHandle(read_end);
    SHOW(WriteFile(write_end, "z", 1, &done, NULL));
    CloseHandle(write_end);
}

int main(void)
{
    show_begin();
    read_that_waits();
    cancelling();
    routines();
    ports();
    messages();
    quota();
    connecting();
    closing();
    return 0;
}
