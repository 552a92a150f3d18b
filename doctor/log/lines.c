// SPDX-License-Identifier: MIT
//
// Lines, words in them, and what the readers of text add to a report.

#include "doctor/log/lines.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "doctor/versions.h"

// -- Lines

void lines_begin(struct lines *lines, const uint8_t *bytes, size_t len) {
    *lines = (struct lines){.bytes = bytes, .len = len, .step = 1};
    // With a byte order mark or, as what was cut out of such a file, without: text begins with ASCII.
    bool has_mark = len >= 2 && bytes[0] + bytes[1] == 0xff + 0xfe && bytes[0] >= 0xfe;
    bool is_big = len >= 4 && bytes[0] == 0 && bytes[1] != 0 && bytes[2] == 0 && bytes[3] != 0;
    bool is_little = len >= 4 && bytes[0] != 0 && bytes[1] == 0 && bytes[2] != 0 && bytes[3] == 0;
    if (has_mark || is_big || is_little) {
        lines->step = 2;
        lines->low = has_mark ? bytes[0] == 0xfe : is_big;
        lines->at = has_mark ? 2 : 0;
    } else if (len >= 3 && memcmp(bytes, "\xef\xbb\xbf", 3) == 0) {
        lines->at = 3;
    }
}

// One character as a byte; '?' for what UTF-16 has beyond. -1: the end.
static int take(struct lines *lines) {
    if (lines->at + lines->step > lines->len) {
        return -1;
    }
    uint8_t byte = lines->bytes[lines->at + lines->low];
    bool is_beyond = lines->step == 2 && lines->bytes[lines->at + 1 - lines->low] != 0;
    lines->at += lines->step;
    return is_beyond ? '?' : byte;
}

// Escape sequences of a terminal: ESC [ ... letter.
static void skip_escape(struct lines *lines) {
    int next = take(lines);
    while (next >= 0 && next != '\n' && !isalpha(next)) {
        next = take(lines);
    }
}

// "12:10:04 : " and "13:05:04:121 : ", as CubeProgrammer puts them before each line. `text` moves behind it.
static void take_time(struct lines *lines) {
    unsigned hours;
    unsigned minutes;
    unsigned seconds;
    unsigned milliseconds = 0;
    int used = 0;
    int with_ms = 0;
    (void)sscanf(lines->text, "%2u:%2u:%2u :%n", &hours, &minutes, &seconds, &used);
    (void)sscanf(lines->text, "%2u:%2u:%2u:%3u :%n", &hours, &minutes, &seconds, &milliseconds,
                 &with_ms);
    if ((used == 0 && with_ms == 0) || hours > 23 || minutes > 59 || seconds > 60) {
        return;
    }
    lines->text += with_ms ? with_ms : used;
    uint64_t at_us =
        ((hours * 60ull + minutes) * 60 + seconds) * 1000000 + (with_ms ? milliseconds : 0) * 1000;
    if (!lines->has_first) {
        lines->has_first = true;
        lines->first_us = lines->last_us = at_us;
    }
    if (at_us + 43200000000ull < lines->last_us) { // midnight
        lines->day_us += 86400000000ull;
    }
    lines->last_us = at_us;
    lines->has_time = true;
    lines->has_milliseconds = with_ms != 0;
    uint64_t since = lines->day_us + at_us;
    lines->at_us = since > lines->first_us ? since - lines->first_us : 0;
}

// "[12:10:04] ", "2024-05-05T10:00:00.1234567Z " and the like, as terminals and build servers put them before each
// line of any program. They tell when it was received: no time is taken from them.
static void skip_stamp(struct lines *lines) {
    unsigned ignored;
    int used = 0;
    char *text = lines->text + (lines->text[0] == '[');
    (void)sscanf(text, "%4u-%2u-%2u%*1[T ]%n", &ignored, &ignored, &ignored, &used);
    bool has_date = used > 0;
    if (!has_date && text == lines->text) {
        return; // a bare time is CubeProgrammer's, and has a colon behind it
    }
    text += used;
    used = 0;
    (void)sscanf(text, "%2u:%2u:%2u%n", &ignored, &ignored, &ignored, &used);
    if (used == 0) {
        return;
    }
    text += used;
    text += strspn(text, "0123456789.,Z+:"); // of a second, and the zone
    if (*text != ']' && *text != ' ') {
        return;
    }
    text += strspn(text, "] ");
    lines->text = text;
}

bool lines_next(struct lines *lines) {
    size_t used = 0;
    int next = take(lines);
    if (next < 0) {
        return false;
    }
    if (!lines->is_inside) {
        lines->number++;
    }
    for (; next >= 0 && next != '\n' && next != '\r'; next = take(lines)) {
        if (next == 0x1b) {
            skip_escape(lines);
        } else if (used < LINE_BYTES - 1) {
            lines->raw[used++] = (char)(next == '\t'                  ? ' '
                                        : next < 0x20 || next == 0x7f ? '?'
                                                                      : next);
        }
    }
    lines->is_inside = next == '\r';
    while (used > 0 && lines->raw[used - 1] == ' ') {
        used--;
    }
    lines->raw[used] = '\0';
    lines->text = lines->raw + strspn(lines->raw, " >|");
    lines->has_time = false;
    skip_stamp(lines);
    take_time(lines);
    lines->text += strspn(lines->text, " ");
    return true;
}

// -- Words

const char *lines_after(const char *text, const char *start) {
    while (*start) {
        if (*start == ' ') {
            text += strspn(text, " ");
            start++;
        } else if (tolower((unsigned char)*text) != tolower((unsigned char)*start)) {
            return NULL;
        } else {
            text++;
            start++;
        }
    }
    return text;
}

bool lines_number(const char *text, const char *word, uint64_t *value) {
    const char *at = strstr(text, word);
    if (!at) {
        return false;
    }
    at += strlen(word);
    at += strspn(at, " :=@");
    bool is_hex = at[0] == '0' && (at[1] == 'x' || at[1] == 'X');
    char *end;
    *value = strtoull(at, &end, is_hex ? 16 : 10);
    return end != at && isxdigit((unsigned char)*at);
}

const char *log_step_word(enum log_step step) {
    static const char *const words[LOG_STEPS] = {"connect", "read",   "erase",
                                                 "write",   "verify", "leave"};
    return words[step];
}

// -- What is added

void log_found_as(struct session_log *session, const char *id, enum finding_severity severity,
                  enum report_confidence confidence, const char *why) {
    const struct lines *lines = session->lines;
    report_add_as(session->report, id, severity, confidence,
                  lines->has_time ? lines->at_us : REPORT_NO_TIME, "line %lu: \"%.200s\"%s%.150s",
                  lines->number, lines->text, why ? ": " : "", why ? why : "");
}

void log_found(struct session_log *session, const char *id, enum report_confidence confidence,
               const char *why) {
    log_found_as(session, id, finding_named(id)->severity, confidence, why);
}

void log_failed(struct session_log *session, enum log_step step) {
    if (!session->has_failed) {
        session->has_failed = true;
        session->failed = step;
        report_fact(session->report, "session", "step that failed", "%s (line %lu: \"%.200s\")",
                    log_step_word(step), session->lines->number, session->lines->text);
    }
}

void log_unknown(struct session_log *session) {
    if (session->unknown_line == 0) {
        session->unknown_line = session->lines->number;
        (void)snprintf(session->unknown, sizeof session->unknown, "%.150s", session->lines->text);
    }
}

void log_fact(struct session_log *session, const char *group, const char *name, const char *value) {
    value += strspn(value, " :");
    report_fact(session->report, group, name, "%s", value);
}

struct report_request *log_request(struct session_log *session, const char *words, ...) {
    struct report *report = session->report;
    struct report_request request = {
        .at_us = session->lines->has_time ? session->lines->at_us : 0,
        .state = -1,
        .status = -1,
        .poll_ms = -1,
    };
    va_list args;
    va_start(args, words);
    (void)vsnprintf(request.words, sizeof request.words, words, args);
    va_end(args);
    size_t before = report->request_count;
    report_request(report, &request);
    return report->request_count > before ? &report->requests[before] : NULL;
}

void log_version_judge(struct session_log *session, const char *tool, bool has_symptom) {
    const char *fault = version_fault(tool, session->version);
    if (fault) {
        report_add_as(session->report, "F26", has_symptom ? FINDING_FAULT : FINDING_WARNING,
                      has_symptom ? REPORT_LIKELY : REPORT_POSSIBLE, REPORT_NO_TIME,
                      "line %lu: %s %s %s", session->version_line, tool, session->version, fault);
    }
}

void log_finish(struct session_log *session, const char *tool) {
    report_fact(session->report, "tool", "name", "%s", tool);
    report_fact(session->report, "tool", "version", "%s",
                session->version[0] ? session->version : "the log does not say");
    if (!session->has_failed) {
        report_fact(session->report, "session", "step that failed", "none that the log shows");
        if (session->unknown_line != 0) {
            report_incomplete(session->report,
                              "line %lu is an error that the doctor knows no cause of: \"%s\"",
                              session->unknown_line, session->unknown);
        } else if (!session->has_end && report_worst(session->report) == FINDING_NOTE) {
            report_incomplete(session->report,
                              "the log ends before it shows how the load, or what else it is of, "
                              "went");
        }
        return;
    }
    const struct report *report = session->report;
    bool is_told = false;
    for (size_t i = 0; i < report->finding_count; i++) {
        is_told = is_told || report->findings[i].confidence != REPORT_POSSIBLE;
    }
    if (!is_told) {
        report_incomplete(session->report,
                          "a log cannot tell more; `redfu doctor` on the device can, or `vboard "
                          "doctor` with its firmware");
    }
}
