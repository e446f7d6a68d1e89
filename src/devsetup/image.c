/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* Whether a file is a program, by Microsoft's PE format. */

#include "devsetup.h"

#include <string.h>

enum { HEAD_MAX = 4096, SECTIONS_MAX = 96 /* Windows loads no more */ };

/* devsetup refuses to run on a system for another kind of processor, so its own kind is the
 * system's. */
#if defined(_WIN64)
enum { MACHINE = IMAGE_FILE_MACHINE_AMD64 };
#else
enum { MACHINE = IMAGE_FILE_MACHINE_I386 };
#endif

struct head {
    BYTE bytes[HEAD_MAX];
    DWORD size; /* read */
    LONGLONG file_size;
};

static bool take(const struct head *head, DWORD at, void *to, DWORD size)
{
    if (at > head->size || size > head->size - at)
        return false;
    memcpy(to, head->bytes + at, size);
    return true;
}

/* A file that was cut off still has its headers. */
static bool is_whole(const struct head *head, DWORD at, WORD sections)
{
    IMAGE_SECTION_HEADER section;

    for (WORD i = 0; i < sections; i++, at += sizeof section) {
        if (!take(head, at, &section, sizeof section) ||
            (LONGLONG)section.PointerToRawData + section.SizeOfRawData > head->file_size)
            return false;
    }
    return sections > 0;
}

static DWORD judge(const struct head *head, bool driver)
{
    IMAGE_DOS_HEADER dos;
    /* Up to the subsystem those of 32 and 64 bits have the same layout. */
    IMAGE_NT_HEADERS32 nt;

    if (!take(head, 0, &dos, sizeof dos) || dos.e_magic != IMAGE_DOS_SIGNATURE ||
        dos.e_lfanew <= 0 || !take(head, (DWORD)dos.e_lfanew, &nt, sizeof nt) ||
        nt.Signature != IMAGE_NT_SIGNATURE || nt.FileHeader.NumberOfSections > SECTIONS_MAX ||
        !(nt.FileHeader.Characteristics & IMAGE_FILE_EXECUTABLE_IMAGE) ||
        !is_whole(head,
            (DWORD)dos.e_lfanew + FIELD_OFFSET(IMAGE_NT_HEADERS32, OptionalHeader) +
                nt.FileHeader.SizeOfOptionalHeader,
            nt.FileHeader.NumberOfSections))
        return ERROR_BAD_EXE_FORMAT;
    if (!driver)
        return 0;
    if (nt.FileHeader.Machine != MACHINE)
        return ERROR_EXE_MACHINE_TYPE_MISMATCH;
    return nt.OptionalHeader.Subsystem == IMAGE_SUBSYSTEM_NATIVE ? 0 : ERROR_BAD_EXE_FORMAT;
}

DWORD image_check(const wchar_t *path, HANDLE file)
{
    const wchar_t *extension = wcsrchr(path, L'.');
    bool driver = extension && !_wcsicmp(extension, L".sys");
    LARGE_INTEGER size;
    struct head head;
    DWORD error;

    if (!driver && !(extension && (!_wcsicmp(extension, L".dll") || !_wcsicmp(extension, L".exe"))))
        return 0;
    if (!ReadFile(file, head.bytes, HEAD_MAX, &head.size, NULL) || !GetFileSizeEx(file, &size))
        return fail(GetLastError(), L"cannot read %ls", path);
    head.file_size = size.QuadPart;
    error = judge(&head, driver);
    if (error == ERROR_EXE_MACHINE_TYPE_MISMATCH)
        return fail(error, L"%ls is a driver for another kind of processor", path);
    if (error)
        return fail(error, driver ? L"%ls is not a driver, or not a whole one"
                                  : L"%ls is not a program, or not a whole one", path);
    return 0;
}
