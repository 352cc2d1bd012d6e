/* SPDX-License-Identifier: MIT */
/*
 * The structures, constants and status codes of PE images and of the NT interface, from Wine's
 * headers (Debian's libwine-dev). This is the only file that includes them.
 *
 * syscall.h comes first: it uses the words IN and OUT, which windef.h defines as nothing. WCHAR is
 * wchar_t; the build passes -fshort-wchar so that it and L"" have the 16 bits that NT means.
 */
#ifndef NT_WINABI_H
#define NT_WINABI_H

#include <atomik/syscall.h>

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#define NOMINMAX
#define WIN32_NO_STATUS
#include <windef.h>
#include <winnt.h>
#define __WINESRC__ /* the numbers that Wine's own ntdll adds */
#include <winternl.h>
#undef __WINESRC__
#include <winioctl.h>
#undef WIN32_NO_STATUS
#include <ntstatus.h>
#include <ddk/wdm.h> /* after ntstatus.h, which it includes itself */

_Static_assert(sizeof(WCHAR) == 2, "build with -fshort-wchar");
_Static_assert(sizeof(CONTEXT) == 0x2cc, "i386 CONTEXT with extended registers");
_Static_assert(sizeof(EXCEPTION_RECORD) == 0x50, "EXCEPTION_RECORD");
_Static_assert(offsetof(TEB, WowTebOffset) == 0xfdc, "TEB");
_Static_assert(offsetof(PEB, SessionId) == 0x1d4, "PEB");
_Static_assert(sizeof(SECTION_IMAGE_INFORMATION) == 0x30, "SECTION_IMAGE_INFORMATION");
_Static_assert(sizeof(OBJECT_ATTRIBUTES) == 24 && sizeof(IO_STATUS_BLOCK) == 8, "32-bit pointers");
_Static_assert(offsetof(KSHARED_USER_DATA, TickCount) == 0x320, "KUSER_SHARED_DATA");

#ifndef DUPLICATE_SAME_ATTRIBUTES
#define DUPLICATE_SAME_ATTRIBUTES 4
#endif

#define NT_SUCCESS_(status) ((NTSTATUS)(status) >= 0)

#endif
