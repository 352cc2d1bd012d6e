/* SPDX-License-Identifier: MIT */
/*
 * Objects of COM that the registry names: a shortcut that is written to a file and read again, a
 * dictionary of the scripting run time, and a class that nobody has.
 */
#define COBJMACROS
#include "show.h"

#include <objbase.h>
#include <shlobj.h>

static void show_result(const char *what, HRESULT result)
{
    printf("%s = %08lx\n", what, (unsigned long)result);
}

static IShellLinkW *new_shortcut(void)
{
    IShellLinkW *shortcut = NULL;
    show_result("CoCreateInstance of a shortcut",
                CoCreateInstance(&CLSID_ShellLink, NULL, CLSCTX_INPROC_SERVER, &IID_IShellLinkW,
                                 (void **)&shortcut));
    return shortcut;
}

static IPersistFile *file_of(IShellLinkW *shortcut)
{
    IPersistFile *file = NULL;
    show_result("IPersistFile of it",
                IShellLinkW_QueryInterface(shortcut, &IID_IPersistFile, (void **)&file));
    return file;
}

static void write_shortcut(const WCHAR *path)
{
    IShellLinkW *shortcut = new_shortcut();
    if (!shortcut)
        return;
    show_result("SetPath", IShellLinkW_SetPath(shortcut, L"C:\\windows\\system32\\cmd.exe"));
    show_result("SetArguments", IShellLinkW_SetArguments(shortcut, L"/c ver"));
    show_result("SetDescription", IShellLinkW_SetDescription(shortcut, L"a shortcut"));
    show_result("SetShowCmd", IShellLinkW_SetShowCmd(shortcut, SW_SHOWMAXIMIZED));
    IPersistFile *file = file_of(shortcut);
    if (file) {
        show_result("Save", IPersistFile_Save(file, path, TRUE));
        IPersistFile_Release(file);
    }
    IShellLinkW_Release(shortcut);
}

static void read_shortcut(const WCHAR *path)
{
    WCHAR text[MAX_PATH] = L"";
    int show = 0;
    IShellLinkW *shortcut = new_shortcut();
    if (!shortcut)
        return;
    IPersistFile *file = file_of(shortcut);
    if (file) {
        show_result("Load", IPersistFile_Load(file, path, STGM_READ));
        IPersistFile_Release(file);
    }
    show_result("GetPath", IShellLinkW_GetPath(shortcut, text, MAX_PATH, NULL, 0));
    printf("%ls\n", text);
    show_result("GetArguments", IShellLinkW_GetArguments(shortcut, text, MAX_PATH));
    printf("%ls\n", text);
    show_result("GetDescription", IShellLinkW_GetDescription(shortcut, text, MAX_PATH));
    printf("%ls\n", text);
    show_result("GetShowCmd", IShellLinkW_GetShowCmd(shortcut, &show));
    printf("%d\n", show);
    IShellLinkW_Release(shortcut);
}

static void show_class(const WCHAR *name)
{
    CLSID class;
    IUnknown *object = NULL;
    printf("%ls\n", name);
    HRESULT result = CLSIDFromProgID(name, &class);
    show_result("  CLSIDFromProgID", result);
    if (result)
        return;
    show_result("  CoCreateInstance", CoCreateInstance(&class, NULL, CLSCTX_INPROC_SERVER,
                                                       &IID_IUnknown, (void **)&object));
    if (object)
        IUnknown_Release(object);
}

int main(void)
{
    WCHAR path[MAX_PATH];
    show_begin();
    GetTempPathW(MAX_PATH - 20, path);
    wcscat(path, L"classes.lnk");
    show_result("CoInitialize", CoInitialize(NULL));
    write_shortcut(path);
    read_shortcut(path);
    SHOW(DeleteFileW(path));
    show_class(L"Shell.Application");
    show_class(L"Scripting.Dictionary");
    show_class(L"No.Such.Class");
    CoUninitialize();
    return 0;
}
