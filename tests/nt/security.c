/* SPDX-License-Identifier: MIT */
/* Security descriptors of objects: what is given comes back, for the same object through other handles too. */
#include "show.h"

static BYTE list[256], buffer[1024];

static void give_list(HANDLE object, DWORD rights)
{
    SECURITY_DESCRIPTOR descriptor;
    SID_IDENTIFIER_AUTHORITY world = {SECURITY_WORLD_SID_AUTHORITY};
    PSID everybody;
    InitializeSecurityDescriptor(&descriptor, SECURITY_DESCRIPTOR_REVISION);
    AllocateAndInitializeSid(&world, 1, SECURITY_WORLD_RID, 0, 0, 0, 0, 0, 0, 0, &everybody);
    InitializeAcl((ACL *)list, sizeof list, ACL_REVISION);
    AddAccessAllowedAce((ACL *)list, ACL_REVISION, rights, everybody);
    SHOW(SetSecurityDescriptorDacl(&descriptor, TRUE, (ACL *)list, FALSE));
    SHOW(SetKernelObjectSecurity(object, DACL_SECURITY_INFORMATION, &descriptor));
    FreeSid(everybody);
}

static void show_list(const char *what, HANDLE object)
{
    DWORD needed = 0;
    BOOL present = FALSE, defaulted;
    ACL *acl = NULL;
    ACCESS_ALLOWED_ACE *entry;
    SHOW(
        GetKernelObjectSecurity(object, DACL_SECURITY_INFORMATION, buffer, sizeof buffer, &needed));
    SHOW(IsValidSecurityDescriptor(buffer));
    GetSecurityDescriptorDacl(buffer, &present, &acl, &defaulted);
    printf("%s: present %d, list %d\n", what, present, acl != NULL);
    if (acl && GetAce(acl, 0, (void **)&entry))
        printf("  %u entries, rights %lx\n", acl->AceCount, entry->Mask);
}

int main(void)
{
    DWORD needed = 0;
    show_begin();
    HANDLE event = CreateEventA(NULL, FALSE, FALSE, "atomik-security");
    HANDLE again = OpenEventA(READ_CONTROL | SYNCHRONIZE, FALSE, "atomik-security");
    give_list(event, EVENT_ALL_ACCESS);
    show_list("event", event);
    show_list("another handle", again);
    give_list(event, EVENT_MODIFY_STATE);
    show_list("event", event);
    SHOW(GetKernelObjectSecurity(event, DACL_SECURITY_INFORMATION, buffer, 4, &needed));
    SHOW(SetKernelObjectSecurity(again, DACL_SECURITY_INFORMATION, buffer));
    CloseHandle(again);
    CloseHandle(event);
    return 0;
}
