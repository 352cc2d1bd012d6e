/* SPDX-License-Identifier: MIT */
/*
 * What is not there is refused with an error of its own: mailslots, services, windows, a network, a call that
 * the server does not know. Nothing of it is from Wine.
 */
#include "show.h"

#include <winsock2.h>

LONG NTAPI NtSetIntervalProfile(ULONG interval, ULONG source);

static void windows(void)
{
    WNDCLASSA class = {.lpfnWndProc = DefWindowProcA, .lpszClassName = "atomik"};
    MSG message;
    printf("class %d\n", RegisterClassA(&class) != 0);
    printf("window %d\n",
           CreateWindowA("atomik", "x", 0, 0, 0, 1, 1, NULL, NULL, NULL, NULL) != NULL);
    printf("message box %d\n", MessageBoxA(NULL, "text", "caption", MB_OK));
    printf("message %d\n", PeekMessageA(&message, NULL, 0, 0, PM_REMOVE));
    printf("clipboard %d\n", OpenClipboard(NULL));
    printf("foreground %d\n", GetForegroundWindow() != NULL);
    printf("context %d\n", GetDC(NULL) != NULL);
}

static void sockets(void)
{
    WSADATA data;
    printf("WSAStartup %d\n", WSAStartup(MAKEWORD(2, 2), &data));
    printf("socket %d", socket(AF_INET, SOCK_STREAM, IPPROTO_TCP) != INVALID_SOCKET);
    printf(", error %d\n", WSAGetLastError());
    printf("WSACleanup %d\n", WSACleanup());
}

int main(void)
{
    DWORD needed = 0, count = 0, resume = 0;
    show_begin();
    HANDLE slot = CreateMailslotA("\\\\.\\mailslot\\atomik", 0, 0, NULL);
    printf("mailslot %d, error %lu\n", slot != INVALID_HANDLE_VALUE, GetLastError());
    HANDLE file = CreateFileA("\\\\.\\mailslot\\atomik", GENERIC_WRITE, FILE_SHARE_READ, NULL,
                              OPEN_EXISTING, 0, NULL);
    printf("its client %d, error %lu\n", file != INVALID_HANDLE_VALUE, GetLastError());
    SC_HANDLE manager = OpenSCManagerA(NULL, NULL, SC_MANAGER_ALL_ACCESS);
    printf("services %d, error %lu\n", manager != NULL, GetLastError());
    SHOW(EnumServicesStatusA(manager, SERVICE_WIN32, SERVICE_STATE_ALL, NULL, 0, &needed, &count,
                             &resume));
    SHOW(OpenServiceA(manager, "nosuch", SERVICE_START) != NULL);
    windows();
    sockets();
    printf("an unknown call %lx\n", NtSetIntervalProfile(1, 2));
    return 0;
}
