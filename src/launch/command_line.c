/* SPDX-License-Identifier: BSD-2-Clause
 * Copyright (c) 2026, the WinSpd authors */

/*
 * The C run time reads backslashes in front of a quote in pairs. A single one before the quote
 * makes that quote a character, and two quotes within quotes are one character. So backslashes are
 * doubled before every quote that is written, and a quote that would touch another is not written.
 */

#include "launch/command_line.h"

struct line {
    char16_t *text; /* LAUNCH_COMMAND_LINE_MAX characters */
    size_t length;
    bool full;
    enum { BARE, OURS, TEMPLATE } quotes; /* open ones, by their author */
    bool just_closed;                     /* the last character closes the template's */
    bool behind_argument;                 /* the last character is an argument's */
};

static void put(struct line *line, char16_t letter)
{
    if (line->length < LAUNCH_COMMAND_LINE_MAX - 1)
        line->text[line->length++] = letter;
    else
        line->full = true;
}

static size_t backslashes(const struct line *line)
{
    size_t run = 0;

    while (run < line->length && line->text[line->length - 1 - run] == u'\\')
        run++;
    return run;
}

static void double_backslashes(struct line *line)
{
    for (size_t run = backslashes(line); run > 0; run--)
        put(line, u'\\');
}

static void open_ours(struct line *line)
{
    if (line->just_closed) {
        line->length--;
    } else {
        double_backslashes(line);
        put(line, u'"');
    }
    line->quotes = OURS;
}

static void close_ours(struct line *line)
{
    double_backslashes(line);
    put(line, u'"');
    line->quotes = BARE;
}

static void put_argument(struct line *line, const char16_t *argument)
{
    if (line->quotes == BARE)
        open_ours(line);
    for (; *argument; argument++) {
        if (*argument == u'"') {
            double_backslashes(line);
            put(line, u'\\');
        }
        put(line, *argument);
    }
    line->behind_argument = true;
    line->just_closed = false;
}

static void put_template_quote(struct line *line)
{
    bool escaped = !line->behind_argument && backslashes(line) % 2;

    line->just_closed = false;
    if (line->quotes == OURS) {
        line->quotes = TEMPLATE;
        return;
    }
    if (line->behind_argument)
        double_backslashes(line);
    put(line, u'"');
    if (escaped)
        return;
    line->just_closed = line->quotes == TEMPLATE;
    line->quotes = line->quotes == TEMPLATE ? BARE : TEMPLATE;
}

static void put_letter(struct line *line, char16_t letter)
{
    if (letter == u'"') {
        put_template_quote(line);
    } else {
        if (line->quotes == OURS)
            close_ours(line);
        put(line, letter);
        line->just_closed = false;
    }
    line->behind_argument = false;
}

size_t launch_command_line(const char16_t *template, const char16_t *executable, size_t count,
    const char16_t *const *arguments, char16_t text[LAUNCH_COMMAND_LINE_MAX])
{
    struct line line = { .text = text };

    for (; *template && !line.full; template++) {
        if (template[0] != u'%' || !template[1]) {
            put_letter(&line, template[0]);
            continue;
        }
        template++;
        if (*template == u'0')
            put_argument(&line, executable);
        else if (*template >= u'1' && *template <= u'9')
            put_argument(
                &line, (size_t)(*template - u'0') <= count ? arguments[*template - u'1'] : u"");
        else
            put_letter(&line, *template);
    }
    if (line.quotes == OURS)
        close_ours(&line);
    line.text[line.length] = 0;
    return line.full ? 0 : line.length;
}
