/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/* A file on a web server as a read-only disk: each read is a request for a range of bytes.
 *
 * After a failure that may pass (no connection, a stall, "503 try later") the read is tried again,
 * and then is BUSY for the initiator, which tries again, too. A failure that will not pass (the
 * file is another one now, or gone) is NOT READY for good: blocks of two files must not be mixed.
 * No failure is a medium error. */

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include <curl/curl.h>
#include <spd/spd.h>

enum { BLOCK = 512, THREADS = 16, ATTEMPTS = 4, PAUSE_MS = 100, TEXT = 256 };
enum outcome { GOOD, TRANSIENT, PERMANENT };

/* A file, as it was when the disk was made. */
struct file {
    const char *url;
    long seconds; /* for one attempt; a quarter of what Linux waits for a disk, or less */
    uint64_t size;
    char validator[TEXT]; /* an ETag or a date that stays as long as the contents */
    pthread_mutex_t lock;
    CURL *idle[THREADS]; /* with connections that are still open */
    int idle_count;
};

/* An answer, while it arrives. */
struct answer {
    CURL *curl;
    char *to;
    size_t room, got;
    uint64_t first, total; /* Content-Range: bytes FIRST-LAST/TOTAL */
    char etag[TEXT], date[TEXT];
};

static void take_text(char *to, const char *value, const char *end)
{
    while (end > value && (end[-1] == '\r' || end[-1] == '\n'))
        end--;
    snprintf(to, TEXT, "%.*s", (int)(end - value), value);
}

/* Only the last answer of a redirection counts: each begins with its status. */
static size_t take_header(char *line, size_t size, size_t count, void *context)
{
    struct answer *answer = context;
    char text[TEXT];

    (void)size;
    take_text(text, line, line + count);
    if (strncmp(text, "HTTP/", 5) == 0)
        answer->total = 0, answer->etag[0] = answer->date[0] = 0;
    else if (strncasecmp(text, "etag: ", 6) == 0 && text[6] == '"') /* W/"..." is too weak */
        strcpy(answer->etag, text + 6);
    else if (strncasecmp(text, "last-modified: ", 15) == 0)
        strcpy(answer->date, text + 15);
    else if (strncasecmp(text, "content-range: bytes ", 21) == 0 &&
        sscanf(text + 21, "%llu-%*u/%llu", (unsigned long long *)&answer->first,
            (unsigned long long *)&answer->total) != 2)
        answer->total = 0;
    return count;
}

/* Anything but a range, such as the whole of a changed file, is not read to its end. */
static size_t take_data(char *data, size_t size, size_t count, void *context)
{
    struct answer *answer = context;
    long status = 0;

    (void)size;
    curl_easy_getinfo(answer->curl, CURLINFO_RESPONSE_CODE, &status);
    if (status != 206 || count > answer->room - answer->got)
        return 0;
    memcpy(answer->to + answer->got, data, count);
    answer->got += count;
    return count;
}

static CURL *take_curl(struct file *file)
{
    CURL *curl = NULL;

    pthread_mutex_lock(&file->lock);
    if (file->idle_count)
        curl = file->idle[--file->idle_count];
    pthread_mutex_unlock(&file->lock);
    return curl ? curl : curl_easy_init();
}

static void give_curl_back(struct file *file, CURL *curl)
{
    pthread_mutex_lock(&file->lock);
    if (file->idle_count < THREADS) {
        file->idle[file->idle_count++] = curl;
        curl = NULL;
    }
    pthread_mutex_unlock(&file->lock);
    curl_easy_cleanup(curl);
}

static enum outcome judge(const struct file *file, CURLcode code, const struct answer *answer,
    uint64_t first)
{
    const char *validator = answer->etag[0] ? answer->etag : answer->date;
    long status = 0;

    curl_easy_getinfo(answer->curl, CURLINFO_RESPONSE_CODE, &status);
    if (status == 408 || status == 429 || status >= 500)
        return TRANSIENT;
    if (status != 0 && status != 206) /* 200: the file has changed, or there are no ranges */
        return PERMANENT;
    if (code != CURLE_OK || status == 0)
        return code == CURLE_UNSUPPORTED_PROTOCOL || code == CURLE_URL_MALFORMAT ? PERMANENT
                                                                                 : TRANSIENT;
    if (answer->first != first || !answer->total ||
        (file->size && (answer->total != file->size || strcmp(validator, file->validator))))
        return PERMANENT;
    return answer->got == answer->room ? GOOD : TRANSIENT;
}

/* Makes one attempt at `length` bytes from `first` on. */
static enum outcome fetch(struct file *file, uint64_t first, void *to, size_t length,
    struct answer *answer)
{
    char range[64], condition[TEXT + 16];
    struct curl_slist *headers = NULL;
    CURL *curl = take_curl(file);
    enum outcome outcome;

    *answer = (struct answer){ .curl = curl, .to = to, .room = length };
    if (!curl)
        return TRANSIENT;
    snprintf(range, sizeof range, "%llu-%llu", (unsigned long long)first,
        (unsigned long long)(first + length - 1));
    if (file->validator[0]) { /* RFC 9110 13.1.5: of another file the server sends all */
        snprintf(condition, sizeof condition, "If-Range: %s", file->validator);
        headers = curl_slist_append(NULL, condition);
    }
    curl_easy_setopt(curl, CURLOPT_URL, file->url);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 1L);
    curl_easy_setopt(curl, CURLOPT_MAXREDIRS, 5L);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, file->seconds);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, file->seconds);
    curl_easy_setopt(curl, CURLOPT_RANGE, range);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, take_header);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, answer);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_data);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, answer);

    outcome = judge(file, curl_easy_perform(curl), answer, first);
    curl_slist_free_all(headers);
    give_curl_back(file, curl);
    return outcome;
}

static int http_read(spd_device *device, void *buffer, uint64_t lba, uint32_t blocks,
    uint32_t flags, spd_status *status)
{
    struct file *file = device->context;
    enum outcome outcome = TRANSIENT;
    struct answer answer;

    for (long i = 0; i < ATTEMPTS && outcome == TRANSIENT; i++) {
        long pause = i ? PAUSE_MS << i : 0;
        nanosleep(&(struct timespec){ .tv_nsec = pause * 1000000 }, NULL);
        outcome = fetch(file, lba * BLOCK, buffer, (size_t)blocks * BLOCK, &answer);
    }
    if (outcome == TRANSIENT)
        spd_status_set_busy(status); /* come again */
    else if (outcome == PERMANENT)
        spd_status_set(status, SPD_SENSE_NOT_READY,
            SPD_ASC_LOGICAL_UNIT_NOT_READY_MANUAL_INTERVENTION_REQUIRED, NULL);
    return 0;
}

static const spd_ops ops = {sizeof ops, .read = http_read};

/* A first byte shows whether the server knows ranges, how large the file is, and which it is. */
static bool look(struct file *file)
{
    struct answer answer;
    char byte;
    enum outcome outcome = fetch(file, 0, &byte, 1, &answer);

    if (outcome != GOOD) {
        fprintf(stderr, "%s: %s\n", file->url, outcome == TRANSIENT ? "no answer; try again later"
            : "no file, or the server does not give ranges of it (RFC 9110 14)");
        return false;
    }
    if (answer.total < BLOCK || answer.total % BLOCK != 0) {
        fprintf(stderr, "%s: %llu bytes, which are not blocks of %d\n", file->url,
            (unsigned long long)answer.total, BLOCK);
        return false;
    }
    file->size = answer.total;
    strcpy(file->validator, answer.etag[0] ? answer.etag : answer.date);
    if (!file->validator[0])
        fprintf(stderr, "%s: without ETag and date; only its size tells when it changes\n",
            file->url);
    return true;
}

static int serve(struct file *file, const char *name)
{
    spd_params params = SPD_PARAMS_INIT;
    spd_unit *unit = NULL;
    int error;

    params.block_count = file->size / BLOCK;
    params.flags = SPD_WRITE_PROTECTED;
    spd_guid_from_name(file->url, params.guid); /* the same disk at the next start */
    error = spd_unit_create(name, &params, &(spd_device){ &ops, file }, &unit);
    if (!error && !(error = spd_unit_shutdown_on_signal(unit)) &&
        !(error = spd_unit_start(unit, THREADS))) {
        printf("serving %s\n", spd_unit_door_uri(unit, 0));
        fflush(stdout);
        error = spd_unit_wait(unit);
    }
    if (error)
        fprintf(stderr, "%s: %s %s\n", name, spd_strerror(error), spd_error_detail());
    spd_unit_delete(unit);
    return error;
}

int main(int argc, char **argv)
{
    struct file file = { .url = argc > 1 ? argv[1] : NULL, .seconds = argc > 3 ? atol(argv[3]) : 5,
        .lock = PTHREAD_MUTEX_INITIALIZER };
    int error;

    if (!file.url || file.seconds < 1) {
        fprintf(stderr, "usage: httpdisk URL [DEVICE-NAME [SECONDS]]\n");
        return 2;
    }
    if (spd_reserve_descriptors() || curl_global_init(CURL_GLOBAL_DEFAULT))
        return 1;
    error = !look(&file) ||
        serve(&file, argc > 2 ? argv[2] : "iscsi://127.0.0.1:0/iqn.2026-01.org.example:http");
    while (file.idle_count)
        curl_easy_cleanup(file.idle[--file.idle_count]);
    curl_global_cleanup();
    return error != 0;
}
