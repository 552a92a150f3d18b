// SPDX-License-Identifier: MIT
//
// The lines of a log, cleaned of what terminals, editors and forums put around them, and the steps of a session that
// the readers of text have in common.

#ifndef DOCTOR_LOG_LINES_H
#define DOCTOR_LOG_LINES_H

#include "doctor/log/log.h"

#define LINE_BYTES 400u // longer ones are cut

struct lines {
    const uint8_t *bytes;
    size_t len, at;
    unsigned step;  // bytes a character: 2 for UTF-16, which Windows' shell writes
    unsigned low;   // which of them is the lower one
    bool is_inside; // of a line that carriage returns divide
    // The present line:
    unsigned long number; // from 1; parts that carriage returns divide have one number
    bool has_time;
    uint64_t at_us; // since the first line that has a time
    uint64_t first_us, last_us, day_us;
    bool has_first;
    bool has_milliseconds;
    char raw[LINE_BYTES];
    char *text; // in `raw`, behind the time and blanks
};

void lines_begin(struct lines *lines, const uint8_t *bytes, size_t len);
bool lines_next(struct lines *lines);

// The text behind `start` if the line begins with it, else NULL. A blank matches any number of them.
const char *lines_after(const char *text, const char *start);
// The number behind the first `word` in the text ("0x" is hexadecimal). False: none.
bool lines_number(const char *text, const char *word, uint64_t *value);

enum log_step { LOG_CONNECT = 0, LOG_READ, LOG_ERASE, LOG_WRITE, LOG_VERIFY, LOG_LEAVE, LOG_STEPS };
const char *log_step_word(enum log_step step);

// What a reader knows of the session so far.
struct session_log {
    struct report *report;
    struct lines *lines;
    enum log_step step;
    bool has_failed;
    enum log_step failed;
    bool has_end;               // the tool said that it had done what it was asked for
    unsigned long unknown_line; // the first error that no reader knows; 0: none
    char unknown[160];
    char version[24]; // empty: not told
    unsigned long version_line;
};

// Adds a finding with the present line as evidence, and `why` before it (NULL: nothing).
void log_found(struct session_log *session, const char *id, enum report_confidence confidence,
               const char *why);
void log_found_as(struct session_log *session, const char *id, enum finding_severity severity,
                  enum report_confidence confidence, const char *why);
// The step that failed; the first one stays.
void log_failed(struct session_log *session, enum log_step step);
// The present line is an error, and what it means is not known here.
void log_unknown(struct session_log *session);
// The facts at the end; and what keeps a log in which nothing was found from being a clean bill.
void log_finish(struct session_log *session, const char *tool);
// A fact of the form "name: value" with blanks taken away from its ends.
void log_fact(struct session_log *session, const char *group, const char *name, const char *value);
// A request of the time line, at the line's time.
struct report_request *log_request(struct session_log *session, const char *words, ...)
    __attribute__((format(printf, 2, 3)));

// What is known against the version. `has_symptom`: the log shows what it is known for.
void log_version_judge(struct session_log *session, const char *tool, bool has_symptom);

// The readers. False: it is none of theirs.
bool log_is_cubeprogrammer(const uint8_t *bytes, size_t len);
bool log_is_dfu_util(const uint8_t *bytes, size_t len);
void log_cubeprogrammer(struct session_log *session);
void log_dfu_util(struct session_log *session);
bool log_is_kernel(const uint8_t *bytes, size_t len);
void log_kernel(struct session_log *session);
// False, with a reason: a capture without DFU.
bool log_capture(const uint8_t *bytes, size_t len, struct report *report, char why[LOG_WHY_MAX]);

#endif
