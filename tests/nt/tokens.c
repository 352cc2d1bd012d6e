/* SPDX-License-Identifier: MIT */
/* Tokens: privileges, copies, impersonation. */
#include "show.h"

static void show_type(HANDLE token)
{
    DWORD type = 0, size;
    SHOW(GetTokenInformation(token, TokenType, &type, sizeof type, &size));
    printf("type %lu\n", type);
}

int main(void)
{
    HANDLE token, copy, of_thread;
    TOKEN_PRIVILEGES privilege = {.PrivilegeCount = 1};
    show_begin();
    SHOW(OpenProcessToken(GetCurrentProcess(), TOKEN_ALL_ACCESS, &token));
    show_type(token);
    SHOW(LookupPrivilegeValueA(NULL, SE_DEBUG_NAME, &privilege.Privileges[0].Luid));
    privilege.Privileges[0].Attributes = SE_PRIVILEGE_ENABLED;
    SHOW(AdjustTokenPrivileges(token, FALSE, &privilege, 0, NULL, NULL));
    privilege.Privileges[0].Luid.LowPart = 1;
    SHOW(AdjustTokenPrivileges(token, FALSE, &privilege, 0, NULL, NULL));
    SHOW(ImpersonateSelf(SecurityImpersonation));
    SHOW(RevertToSelf());
    SHOW(DuplicateTokenEx(token, MAXIMUM_ALLOWED, NULL, SecurityImpersonation, TokenImpersonation,
                          &copy));
    SHOW(OpenThreadToken(GetCurrentThread(), TOKEN_QUERY, TRUE, &of_thread));
    SHOW(ImpersonateLoggedOnUser(copy));
    SHOW(OpenThreadToken(GetCurrentThread(), TOKEN_QUERY, TRUE, &of_thread));
    show_type(of_thread);
    SHOW(RevertToSelf());
    SHOW(OpenThreadToken(GetCurrentThread(), TOKEN_QUERY, TRUE, &of_thread));
    return 0;
}
