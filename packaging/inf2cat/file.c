/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* A file's digest. "Windows Authenticode Portable Executable Signature Format" says which bytes of
 * an image have a part in it: all but the checksum, and the signature with its place in the
 * header. */

#include "inf2cat.h"

#include <openssl/evp.h>
#include <string.h>

/* Places in the headers of a PE image. */
enum {
    AT_PE_HEADER = 0x3c,
    PE_HEADER_BYTES = 24,
    /* from "PE" */
    AT_MACHINE = 4,
    AT_SECTIONS = 6,
    AT_OPTIONAL_BYTES = 20,
    /* from a section's header */
    AT_RAW_BYTES = 16,
    AT_RAW = 20,
    SECTION_BYTES = 40,
    /* from the optional header */
    AT_CHECKSUM = 64,
    AT_SECURITY_32 = 128,
    AT_SECURITY_64 = 144,
    MAGIC_32 = 0x10b,
    MAGIC_64 = 0x20b,
};

static const unsigned char ZEROES[8];

struct image {
    const char *path;
    const unsigned char *bytes;
    size_t length;
};

static uint32_t little(const struct image *image, size_t at, size_t size)
{
    uint32_t value = 0;

    if (at > image->length || image->length - at < size)
        fail("%s: its header ends behind the file", image->path);
    while (size-- > 0)
        value = value << 8 | image->bytes[at + size];
    return value;
}

static void add(EVP_MD_CTX *hash, const struct image *image, size_t from, size_t to)
{
    if (from > to || to > image->length)
        fail("%s: a part of its header is outside of it", image->path);
    if (!EVP_DigestUpdate(hash, image->bytes + from, to - from))
        fail("SHA-256 failed");
}

/* A copy that ended early has sections that are not there. */
static void check_sections(const struct image *image, size_t header)
{
    uint32_t count = little(image, header + AT_SECTIONS, 2);
    size_t at = header + PE_HEADER_BYTES + little(image, header + AT_OPTIONAL_BYTES, 2);

    for (; count > 0; count--, at += SECTION_BYTES) {
        uint64_t size = little(image, at + AT_RAW_BYTES, 4);

        if (size && little(image, at + AT_RAW, 4) + size > image->length)
            fail("%s: a section ends behind the file: it is cut", image->path);
    }
}

static void add_image(EVP_MD_CTX *hash, const struct image *image, size_t optional)
{
    uint32_t magic = little(image, optional, 2);
    size_t checksum = optional + AT_CHECKSUM;
    size_t security = optional + (magic == MAGIC_64 ? AT_SECURITY_64 : AT_SECURITY_32);
    uint32_t at = little(image, security, 4), size = little(image, security + 4, 4);

    if (magic != MAGIC_32 && magic != MAGIC_64)
        fail("%s: no image of 32 or 64 bits (magic %#x)", image->path, magic);
    if (at && (uint64_t)at + size != image->length)
        fail("%s: its signature is not at the end", image->path);
    add(hash, image, 0, checksum);
    add(hash, image, checksum + 4, security);
    add(hash, image, security + 8, at ? at : image->length);
    /* A signer of an image makes its length a multiple of 8 first. */
    if (!EVP_DigestUpdate(hash, ZEROES, (8 - (at ? at : image->length) % 8) % 8))
        fail("SHA-256 failed");
}

struct file file_digest(const char *path)
{
    struct image image = { .path = path };
    struct file file = { 0 };
    EVP_MD_CTX *hash = EVP_MD_CTX_new();
    size_t header;

    image.bytes = read_file(path, &image.length);
    if (!hash || !EVP_DigestInit_ex(hash, EVP_sha256(), NULL))
        fail("there is no SHA-256");
    if (image.length >= 2 && memcmp(image.bytes, "MZ", 2) == 0) {
        header = little(&image, AT_PE_HEADER, 4);
        if (little(&image, header, 4) != 0x4550) /* "PE", 0, 0 */
            fail("%s: it begins as a program does, but is none for Windows", path);
        file.machine = (uint16_t)little(&image, header + AT_MACHINE, 2);
        check_sections(&image, header);
        add_image(hash, &image, header + PE_HEADER_BYTES);
    } else {
        add(hash, &image, 0, image.length);
    }
    if (!EVP_DigestFinal_ex(hash, file.digest, NULL))
        fail("SHA-256 failed");
    return file;
}
