/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * A catalogue is a PKCS #7 message without a signature, whose content is a certificate trust list
 * (1.3.6.1.4.1.311.10.1) of digests. The templates below are its types; OpenSSL writes them in DER,
 * and sorts each SET OF, which Windows insists on. This is the second version of the format: with
 * SHA-256, since Windows 8.
 */

#include "inf2cat.h"

#include <openssl/asn1t.h>
#include <openssl/sha.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OID_SIGNED_DATA "1.2.840.113549.1.7.2"
#define OID_TRUST_LIST "1.3.6.1.4.1.311.10.1"
#define OID_CATALOGUE "1.3.6.1.4.1.311.12.1.1"
#define OID_MEMBERS_2 "1.3.6.1.4.1.311.12.1.3"
#define OID_NAME_VALUE "1.3.6.1.4.1.311.12.2.1"
#define OID_MEMBER_INFO_2 "1.3.6.1.4.1.311.12.2.3"
#define OID_INDIRECT_DATA "1.3.6.1.4.1.311.2.1.4"
#define OID_PE_IMAGE "1.3.6.1.4.1.311.2.1.15"
#define OID_FLAT_FILE "1.3.6.1.4.1.311.2.1.25"
#define OID_SHA256 "2.16.840.1.101.3.4.2.1"

/* Flags of a name and value: in the list or in a member, text, covered by the signature. */
enum { NAME_IN_LIST = 0x00010001, NAME_IN_HASH = 0x10010001 };

/* Values that are the same in each catalogue, in DER. */
static const unsigned char PE_IMAGE[] = { 0x30, 0x0a, /* SpcPeImageData */
    0x03, 0x02, 0x05, 0xa0, 0xa0, 0x04, 0xa2, 0x02, 0x80, 0x00 };
static const unsigned char NO_LINK[] = { 0xa2, 0x02, 0x80, 0x00 }; /* SpcLink: an empty name */
static const unsigned char MEMBER_INFO[] = { 0x82, 0x00 };

typedef struct {
    ASN1_BMPSTRING *name;
    ASN1_INTEGER *flags;
    ASN1_OCTET_STRING *value;
} NAME_VALUE;
ASN1_SEQUENCE(NAME_VALUE) = {
    ASN1_SIMPLE(NAME_VALUE, name, ASN1_BMPSTRING),
    ASN1_SIMPLE(NAME_VALUE, flags, ASN1_INTEGER),
    ASN1_SIMPLE(NAME_VALUE, value, ASN1_OCTET_STRING),
} static_ASN1_SEQUENCE_END(NAME_VALUE)

typedef struct {
    ASN1_OBJECT *type;
    ASN1_TYPE *value;
} TYPED;
ASN1_SEQUENCE(TYPED) = {
    ASN1_SIMPLE(TYPED, type, ASN1_OBJECT),
    ASN1_SIMPLE(TYPED, value, ASN1_ANY),
} static_ASN1_SEQUENCE_END(TYPED)

typedef struct {
    X509_ALGOR *algorithm;
    ASN1_OCTET_STRING *digest;
} DIGEST;
ASN1_SEQUENCE(DIGEST) = {
    ASN1_SIMPLE(DIGEST, algorithm, X509_ALGOR),
    ASN1_SIMPLE(DIGEST, digest, ASN1_OCTET_STRING),
} static_ASN1_SEQUENCE_END(DIGEST)

typedef struct {
    TYPED *data;
    DIGEST *digest;
} INDIRECT;
ASN1_SEQUENCE(INDIRECT) = {
    ASN1_SIMPLE(INDIRECT, data, TYPED),
    ASN1_SIMPLE(INDIRECT, digest, DIGEST),
} static_ASN1_SEQUENCE_END(INDIRECT)

/* X509_ATTRIBUTE does not take values of each kind. */
typedef struct {
    ASN1_OBJECT *type;
    STACK_OF(ASN1_TYPE) *values;
} ATTRIBUTE;
ASN1_SEQUENCE(ATTRIBUTE) = {
    ASN1_SIMPLE(ATTRIBUTE, type, ASN1_OBJECT),
    ASN1_SET_OF(ATTRIBUTE, values, ASN1_ANY),
} static_ASN1_SEQUENCE_END(ATTRIBUTE)
DEFINE_STACK_OF(ATTRIBUTE)

typedef struct {
    ASN1_OCTET_STRING *identifier;
    STACK_OF(ATTRIBUTE) *attributes;
} SUBJECT;
ASN1_SEQUENCE(SUBJECT) = {
    ASN1_SIMPLE(SUBJECT, identifier, ASN1_OCTET_STRING),
    ASN1_SET_OF(SUBJECT, attributes, ATTRIBUTE),
} static_ASN1_SEQUENCE_END(SUBJECT)
DEFINE_STACK_OF(SUBJECT)

typedef struct {
    STACK_OF(ASN1_OBJECT) *usage;
    ASN1_OCTET_STRING *identifier;
    ASN1_UTCTIME *time;
    X509_ALGOR *algorithm;
    STACK_OF(SUBJECT) *subjects;
    STACK_OF(X509_EXTENSION) *extensions;
} TRUST_LIST;
ASN1_SEQUENCE(TRUST_LIST) = {
    ASN1_SEQUENCE_OF(TRUST_LIST, usage, ASN1_OBJECT),
    ASN1_SIMPLE(TRUST_LIST, identifier, ASN1_OCTET_STRING),
    ASN1_SIMPLE(TRUST_LIST, time, ASN1_UTCTIME),
    ASN1_SIMPLE(TRUST_LIST, algorithm, X509_ALGOR),
    ASN1_SEQUENCE_OF(TRUST_LIST, subjects, SUBJECT),
    ASN1_EXP_SEQUENCE_OF(TRUST_LIST, extensions, X509_EXTENSION, 0),
} static_ASN1_SEQUENCE_END(TRUST_LIST)

typedef struct {
    ASN1_OBJECT *type;
    TRUST_LIST *list;
} CONTENT;
ASN1_SEQUENCE(CONTENT) = {
    ASN1_SIMPLE(CONTENT, type, ASN1_OBJECT),
    ASN1_EXP(CONTENT, list, TRUST_LIST, 0),
} static_ASN1_SEQUENCE_END(CONTENT)

typedef struct {
    ASN1_INTEGER *version;
    STACK_OF(X509_ALGOR) *algorithms; /* for signatures: there are none yet */
    CONTENT *content;
    STACK_OF(ASN1_TYPE) *signers;
} SIGNED_DATA;
ASN1_SEQUENCE(SIGNED_DATA) = {
    ASN1_SIMPLE(SIGNED_DATA, version, ASN1_INTEGER),
    ASN1_SET_OF(SIGNED_DATA, algorithms, X509_ALGOR),
    ASN1_SIMPLE(SIGNED_DATA, content, CONTENT),
    ASN1_SET_OF(SIGNED_DATA, signers, ASN1_ANY),
} static_ASN1_SEQUENCE_END(SIGNED_DATA)

typedef struct {
    ASN1_OBJECT *type;
    SIGNED_DATA *data;
} CATALOGUE;
ASN1_SEQUENCE(CATALOGUE) = {
    ASN1_SIMPLE(CATALOGUE, type, ASN1_OBJECT),
    ASN1_EXP(CATALOGUE, data, SIGNED_DATA, 0),
} static_ASN1_SEQUENCE_END(CATALOGUE)

struct der {
    unsigned char *bytes;
    int length;
};

static void must(int worked)
{
    if (!worked)
        fail("OpenSSL could not make a part of the catalogue: out of memory?");
}

static void *item(const ASN1_ITEM *type)
{
    void *made = ASN1_item_new(type);

    must(made != NULL);
    return made;
}
#define NEW(type) ((type *)item(ASN1_ITEM_rptr(type)))

static struct der encode(const ASN1_ITEM *type, const void *value)
{
    struct der der = { 0 };

    der.length = ASN1_item_i2d(value, &der.bytes, type);
    must(der.length > 0);
    return der;
}

static ASN1_OBJECT *oid(const char *numbers)
{
    ASN1_OBJECT *made = OBJ_txt2obj(numbers, 1);

    must(made != NULL);
    return made;
}

/* A value that is in DER already. */
static ASN1_TYPE *any(const unsigned char *bytes, size_t length)
{
    ASN1_TYPE *made = ASN1_TYPE_new();
    ASN1_STRING *value = ASN1_STRING_type_new(V_ASN1_OTHER);

    must(made && value && ASN1_STRING_set(value, bytes, (int)length));
    ASN1_TYPE_set(made, V_ASN1_OTHER, value);
    return made;
}

/* Text in UTF-16, of which each character is one of ASCII; with the zero behind it where Windows
 * reads it as a string of C. */
static void set_wide(ASN1_STRING *place, const char *ascii, int big_endian, size_t zeroes)
{
    size_t length = strlen(ascii) + zeroes;
    unsigned char *wide = allocate(length + 1, 2);

    for (size_t i = 0; i < length; i++)
        wide[2 * i + (big_endian ? 1 : 0)] = (unsigned char)ascii[i];
    must(ASN1_STRING_set(place, wide, (int)(2 * length)));
}

static struct der name_value(const char *name, long flags, const char *value)
{
    NAME_VALUE *made = NEW(NAME_VALUE);

    set_wide(made->name, name, 1, 0);
    must(ASN1_INTEGER_set(made->flags, flags));
    set_wide(made->value, value, 0, 1);
    return encode(ASN1_ITEM_rptr(NAME_VALUE), made);
}

static struct der indirect_data(const struct file *file)
{
    INDIRECT *made = NEW(INDIRECT);

    if (file->machine) {
        made->data->type = oid(OID_PE_IMAGE);
        made->data->value = any(PE_IMAGE, sizeof PE_IMAGE);
    } else {
        made->data->type = oid(OID_FLAT_FILE);
        made->data->value = any(NO_LINK, sizeof NO_LINK);
    }
    must(X509_ALGOR_set0(made->digest->algorithm, oid(OID_SHA256), V_ASN1_NULL, NULL));
    must(ASN1_OCTET_STRING_set(made->digest->digest, file->digest, sizeof file->digest));
    return encode(ASN1_ITEM_rptr(INDIRECT), made);
}

static void add_attribute(SUBJECT *subject, const char *type, struct der value)
{
    ATTRIBUTE *made = NEW(ATTRIBUTE);

    made->type = oid(type);
    must(sk_ASN1_TYPE_push(made->values, any(value.bytes, (size_t)value.length)));
    must(sk_ATTRIBUTE_push(subject->attributes, made));
}

static SUBJECT *subject_of(const struct member *member)
{
    SUBJECT *made = NEW(SUBJECT);

    must(ASN1_OCTET_STRING_set(
        made->identifier, member->file.digest, sizeof member->file.digest));
    add_attribute(made, OID_NAME_VALUE, name_value("File", NAME_IN_HASH, member->name));
    /* Windows 8, 8.1, 10 and later; 2 says Windows NT. */
    add_attribute(made, OID_NAME_VALUE, name_value("OSAttr", NAME_IN_HASH, "2:6.2,2:6.3,2:10.0"));
    add_attribute(made, OID_INDIRECT_DATA, indirect_data(&member->file));
    add_attribute(made, OID_MEMBER_INFO_2,
        (struct der){ (unsigned char *)MEMBER_INFO, sizeof MEMBER_INFO });
    return made;
}

static void add_extension(TRUST_LIST *list, const char *name, long flags, const char *value)
{
    struct der der = name_value(name, flags, value);
    ASN1_OCTET_STRING *octets = ASN1_OCTET_STRING_new();
    X509_EXTENSION *made;

    must(octets && ASN1_OCTET_STRING_set(octets, der.bytes, der.length));
    made = X509_EXTENSION_create_by_OBJ(NULL, oid(OID_NAME_VALUE), 0, octets);
    must(made && sk_X509_EXTENSION_push(list->extensions, made));
}

static int by_digest(const void *left, const void *right)
{
    const struct member *a = left, *b = right;

    return memcmp(a->file.digest, b->file.digest, DIGEST_BYTES);
}

/* The same members give the same identifier. */
static void identify(TRUST_LIST *list, const struct member *members, size_t count)
{
    unsigned char *all = allocate(count, DIGEST_BYTES), digest[DIGEST_BYTES];

    for (size_t i = 0; i < count; i++)
        memcpy(all + i * DIGEST_BYTES, members[i].file.digest, DIGEST_BYTES);
    must(SHA256(all, count * DIGEST_BYTES, digest) != NULL);
    must(ASN1_OCTET_STRING_set(list->identifier, digest, 16));
}

static void describe(TRUST_LIST *list, const struct arch *arch, char *const *hardware)
{
    unsigned count = 0;

    must((list->extensions = sk_X509_EXTENSION_new_null()) != NULL);
    add_extension(list, "PE", NAME_IN_LIST, "TRUSTED");
    add_extension(list, "OS", NAME_IN_HASH, arch->os);
    while (hardware[count])
        count++;
    for (; count > 0; count--)
        add_extension(list, text("HWID%u", count), NAME_IN_HASH, hardware[count - 1]);
}

static void save(const char *path, struct der der)
{
    FILE *file = fopen(path, "wb");

    if (!file || fwrite(der.bytes, 1, (size_t)der.length, file) != (size_t)der.length ||
        fclose(file))
        fail("%s: %m", path);
}

void catalogue_write(const char *path, const struct arch *arch, struct member *members,
    size_t count, char *const *hardware, int64_t time)
{
    CATALOGUE *made = NEW(CATALOGUE);
    SIGNED_DATA *data = made->data;
    TRUST_LIST *list = data->content->list;

    made->type = oid(OID_SIGNED_DATA);
    must(ASN1_INTEGER_set(data->version, 1));
    data->content->type = oid(OID_TRUST_LIST);
    must(sk_ASN1_OBJECT_push(list->usage, oid(OID_CATALOGUE)));
    must(ASN1_UTCTIME_set(list->time, (time_t)time) != NULL);
    must(X509_ALGOR_set0(list->algorithm, oid(OID_MEMBERS_2), V_ASN1_NULL, NULL));
    qsort(members, count, sizeof *members, by_digest);
    identify(list, members, count);
    for (size_t i = 0; i < count; i++)
        must(sk_SUBJECT_push(list->subjects, subject_of(&members[i])));
    describe(list, arch, hardware);
    save(path, encode(ASN1_ITEM_rptr(CATALOGUE), made));
}
