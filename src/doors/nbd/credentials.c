/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

#include "doors/nbd/credentials.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/door.h"
#include "lib/uri.h"
#include "os/os.h"

enum { SECRET_MAX = 64 * 1024, NAME_MAX_BYTES = 4096 };

/* The files of certificates: the parameter that names one, and its name in a folder of them, which
 * QEMU and nbdkit use, too. */
enum file { CERTIFICATE, KEY, AUTHORITY, FILES };
static const struct {
    const char *parameter, *name;
} files[FILES] = {
    [CERTIFICATE] = { "tls-cert", "server-cert.pem" },
    [KEY] = { "tls-key", "server-key.pem" },
    [AUTHORITY] = { "tls-ca", "ca-cert.pem" },
};

/* False: the URI names no such file. */
static bool path_of(const struct spd_uri *uri, enum file which, char path[NAME_MAX_BYTES])
{
    const char *own = spd_uri_query(uri, files[which].parameter);
    const char *folder = spd_uri_query(uri, "tls-certificates");

    if (own)
        snprintf(path, NAME_MAX_BYTES, "%s", own);
    else if (folder)
        snprintf(path, NAME_MAX_BYTES, "%s/%s", folder, files[which].name);
    return own || folder;
}

/* A file with secrets. *text is malloc'ed and ends with a NUL. Its user wipes it, then frees it. */
static int read_secret(const char *path, char **text, size_t *length)
{
    char why[SPD_DETAIL_MAX];
    FILE *file;

    if (os_secret_open(path, &file, why, sizeof why))
        return spd_fail(SPD_ERROR_SECRET, "%s: %s", path, why);
    *text = malloc(SECRET_MAX + 1);
    if (!*text) {
        fclose(file);
        return spd_fail(SPD_ERROR_NO_MEMORY, "for TLS");
    }
    setvbuf(file, NULL, _IONBF, 0); /* no copy is left behind */
    *length = fread(*text, 1, SECRET_MAX + 1, file);
    fclose(file);
    if (*length > 0 && *length <= SECRET_MAX) {
        (*text)[*length] = '\0';
        return 0;
    }
    os_wipe(*text, *length);
    free(*text);
    return spd_fail(SPD_ERROR_SECRET, "%s: it is empty or longer than %d bytes", path, SECRET_MAX);
}

static int fail_tls(const char *path, int error)
{
    return spd_fail(SPD_ERROR_SECRET, "%s: %s", path, gnutls_strerror(error));
}

/* Certificates. */

static int load_authority(struct nbd_credentials *credentials, const char *path)
{
    int count = gnutls_certificate_set_x509_trust_file(
        credentials->certificates, path, GNUTLS_X509_FMT_PEM);

    return count > 0 ? 0 : fail_tls(path, count < 0 ? count : GNUTLS_E_NO_CERTIFICATE_FOUND);
}

static int load_key(
    struct nbd_credentials *credentials, const char *certificate_path, const char *key_path)
{
    gnutls_datum_t certificate, key;
    char *text;
    size_t length;
    int error = read_secret(key_path, &text, &length), failed;

    if (error)
        return error;
    failed = gnutls_load_file(certificate_path, &certificate);
    if (failed == 0) {
        key = (gnutls_datum_t){ (unsigned char *)text, (unsigned)length };
        failed = gnutls_certificate_set_x509_key_mem2(
            credentials->certificates, &certificate, &key, GNUTLS_X509_FMT_PEM, NULL, 0);
        gnutls_free(certificate.data);
    }
    os_wipe(text, length);
    free(text);
    return failed < 0 ? fail_tls(certificate_path, failed) : 0;
}

static int load_certificates(struct nbd_credentials *credentials, const struct spd_uri *uri)
{
    char certificate[NAME_MAX_BYTES], key[NAME_MAX_BYTES], authority[NAME_MAX_BYTES];
    bool has_authority = path_of(uri, AUTHORITY, authority);
    int error;

    if (!path_of(uri, CERTIFICATE, certificate) || !path_of(uri, KEY, key))
        return spd_fail(SPD_ERROR_URI_PARAMETER,
            "give both tls-cert=FILE and tls-key=FILE, or tls-certificates=FOLDER");
    if (credentials->verifies_peers && !has_authority)
        return spd_fail(SPD_ERROR_URI_PARAMETER,
            "name the authority of the clients' certificates by tls-ca=FILE, or give "
            "tls-verify-peer=0 to take clients without one");
    if (gnutls_certificate_allocate_credentials(&credentials->certificates) < 0)
        return spd_fail(SPD_ERROR_NO_MEMORY, "for TLS");
    error = load_key(credentials, certificate, key);
    if (error == 0 && credentials->verifies_peers)
        error = load_authority(credentials, authority);
    return error;
}

/* Shared keys: lines NAME:KEY, as psktool writes them. A name that begins with # and the key are
 * hexadecimal. */

struct line {
    const char *name;
    size_t name_length;
    gnutls_datum_t key; /* in hexadecimal */
};

/* *at goes to the next line. False: there is none. Without a name it is empty; without a key it is
 * wrong. */
static bool next_line(const char **at, struct line *line)
{
    const char *end = *at + strcspn(*at, "\r\n"), *colon;

    if (**at == '\0')
        return false;
    colon = memchr(*at, ':', (size_t)(end - *at));
    *line = (struct line){ .name = *at, .name_length = (size_t)((colon ? colon : end) - *at) };
    if (colon)
        line->key = (gnutls_datum_t){
            (unsigned char *)(uintptr_t)(colon + 1), (unsigned)(end - colon - 1) };
    *at = end + (*end != '\0');
    return true;
}

/* key->data is GnuTLS's to free. */
static bool decode_key(const struct line *line, gnutls_datum_t *key)
{
    if (line->key.size == 0 || gnutls_hex_decode2(&line->key, key) < 0)
        return false;
    if (key->size > 0)
        return true;
    gnutls_free(key->data);
    return false;
}

static bool name_is(const struct line *line, const gnutls_datum_t *name)
{
    gnutls_datum_t hex, raw;
    bool same;

    if (line->name_length == 0 || line->name[0] != '#')
        return line->name_length == name->size &&
            memcmp(line->name, name->data, name->size) == 0;
    hex = (gnutls_datum_t){
        (unsigned char *)(uintptr_t)(line->name + 1), (unsigned)line->name_length - 1 };
    if (gnutls_hex_decode2(&hex, &raw) < 0)
        return false;
    same = raw.size == name->size && memcmp(raw.data, name->data, raw.size) == 0;
    gnutls_free(raw.data);
    return same;
}

/* For a name that nobody has, GnuTLS goes on with a random key. So the client cannot tell a wrong
 * name from a wrong key. */
static int find_key(
    gnutls_session_t session, const gnutls_datum_t *name, gnutls_datum_t *key)
{
    enum { FOUND = 0, UNKNOWN = 1 };
    const struct nbd_credentials *credentials = gnutls_session_get_ptr(session);
    const char *at = credentials->keys;
    struct line line;

    while (next_line(&at, &line))
        if (line.key.size > 0 && name_is(&line, name))
            return decode_key(&line, key) ? FOUND : UNKNOWN;
    return UNKNOWN;
}

static int check_keys(const char *path, const char *text)
{
    const char *at = text;
    unsigned number = 0, count = 0;
    struct line line;

    while (next_line(&at, &line)) {
        gnutls_datum_t key;

        number++;
        if (line.name_length == 0 && line.key.size == 0)
            continue;
        if (line.name_length == 0 || !decode_key(&line, &key))
            return spd_fail(SPD_ERROR_SECRET,
                "%s, line %u: it has to be NAME:KEY with a hexadecimal key, as psktool writes it",
                path, number);
        os_wipe(key.data, key.size);
        gnutls_free(key.data);
        count++;
    }
    return count > 0 ? 0 : spd_fail(SPD_ERROR_SECRET, "%s: it has no key", path);
}

static int load_keys(struct nbd_credentials *credentials, const char *path)
{
    int error = read_secret(path, &credentials->keys, &credentials->keys_length);

    if (error) {
        credentials->keys = NULL;
        return error;
    }
    error = check_keys(path, credentials->keys);
    if (error)
        return error;
    if (gnutls_psk_allocate_server_credentials(&credentials->shared) < 0 ||
        gnutls_psk_set_server_known_dh_params(credentials->shared, GNUTLS_SEC_PARAM_MEDIUM) < 0)
        return spd_fail(SPD_ERROR_NO_MEMORY, "for TLS");
    gnutls_psk_set_server_credentials_function2(credentials->shared, find_key);
    return 0;
}

/* All. */

static int choose_priority(struct nbd_credentials *credentials)
{
    const char *text = credentials->shared
        ? "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:+ECDHE-PSK:+DHE-PSK"
        : "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2";
    int failed = gnutls_priority_init(&credentials->priority, text, NULL);

    return failed < 0 ? spd_fail(SPD_ERROR_SYSTEM, "TLS: %s", gnutls_strerror(failed)) : 0;
}

static int load(struct nbd_credentials *credentials, const struct spd_uri *uri)
{
    const char *keys = spd_uri_query(uri, "tls-psk-file");
    const char *verify = spd_uri_query(uri, "tls-verify-peer");
    char path[NAME_MAX_BYTES];
    int error = 0;

    if (verify && strcmp(verify, "0") && strcmp(verify, "1"))
        return spd_fail(SPD_ERROR_URI_PARAMETER, "tls-verify-peer=%s: 0 or 1", verify);
    credentials->verifies_peers = !verify || verify[0] == '1';
    if (path_of(uri, CERTIFICATE, path) || path_of(uri, KEY, path))
        error = load_certificates(credentials, uri);
    else if (path_of(uri, AUTHORITY, path) || verify)
        error = spd_fail(SPD_ERROR_URI_PARAMETER,
            "tls-ca and tls-verify-peer are for certificates: give tls-cert=FILE and tls-key=FILE");
    if (error == 0 && keys)
        error = load_keys(credentials, keys);
    return error ? error : choose_priority(credentials);
}

int nbd_credentials_load(const struct spd_uri *uri, struct nbd_credentials **credentials)
{
    static const char *const parameters[] = { NBD_TLS_PARAMETERS, NULL };
    bool wanted = false;
    int error;

    *credentials = NULL;
    for (int i = 0; parameters[i]; i++)
        wanted |= spd_uri_query(uri, parameters[i]) != NULL;
    if (!wanted)
        return 0;
    *credentials = calloc(1, sizeof **credentials);
    if (!*credentials)
        return spd_fail(SPD_ERROR_NO_MEMORY, "for TLS");
    os_secrets_begin();
    error = load(*credentials, uri);
    if (error) {
        nbd_credentials_free(*credentials);
        *credentials = NULL;
    }
    return error;
}

void nbd_credentials_free(struct nbd_credentials *credentials)
{
    if (!credentials)
        return;
    if (credentials->certificates)
        gnutls_certificate_free_credentials(credentials->certificates);
    if (credentials->shared)
        gnutls_psk_free_server_credentials(credentials->shared);
    if (credentials->priority)
        gnutls_priority_deinit(credentials->priority);
    if (credentials->keys) {
        os_wipe(credentials->keys, credentials->keys_length);
        free(credentials->keys);
    }
    free(credentials);
    os_secrets_end();
}

bool nbd_credentials_tell_clients(const struct nbd_credentials *credentials)
{
    return credentials && (!credentials->certificates || credentials->verifies_peers);
}
