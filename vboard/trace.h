// SPDX-License-Identifier: MIT
//
// The trace: one line an event, as `--trace FILE` writes it.
//
//   1234567.250 usb dnload block=2 len=2048 state=dfuDNLOAD-SYNC
//
// Virtual microseconds with three decimals (truncated), a source, an event word, key=value pairs.
// Values hold no white space (a text value is written in double quotes, with \" \\ \n escapes).
// Complaints (what real hardware would suffer silently) also go to standard error, each
// distinct one once.

#ifndef VBOARD_TRACE_H
#define VBOARD_TRACE_H

#include <stdbool.h>
#include <stdio.h>

#include "vboard/timeline.h"

enum trace_source {
    TRACE_USB,
    TRACE_FLASH,
    TRACE_RESET,
    TRACE_PIN,
    TRACE_CPU,
    TRACE_BENCH, // what was done to the whole board: set aside, put back
    TRACE_UART,
    TRACE_COMPLAINT,
};

// One thing complained of, by word and key, for a report at the end.
struct trace_grievance {
    char *what, *key;
    char *sentence; // as it was said first
    uint64_t first_ps, last_ps;
    unsigned long count;
};

struct trace {
    const struct timeline *timeline;
    FILE *file;        // NULL: nothing is written
    FILE *complaints;  // where complaints are shown to a person; NULL: nowhere
    const char *board; // shown as board=NAME when several boards run; else NULL
    struct trace_grievance *grievances;
    size_t grievance_count;
    size_t newest;            // 1 + index of the one that trace_complaint() met last; 0: none yet
    struct trace_word *words; // how often each complaint word came
    size_t word_count;
    unsigned long complaint_count;
};

#define TRACE_COMPLAINTS_A_WORD 100u

void trace_init(struct trace *trace, const struct timeline *timeline);
void trace_free(struct trace *trace);

// One event: `event` is the event word, `format` the key=value part ("" for none).
void trace_event(struct trace *trace, enum trace_source source, const char *event,
                 const char *format, ...) __attribute__((format(printf, 4, 5)));

// One complaint: `what` is its word (flash-fetch-while-busy, unmodelled-access ...), `sentence`
// says it to a person. `key` tells complaints apart (shown once a key); the trace gets every one
// up to TRACE_COMPLAINTS_A_WORD a word (`complaint WHAT text="..."`), then a line that says the
// rest is left out.
void trace_complaint(struct trace *trace, const char *what, const char *key,
                     const char *sentence_format, ...) __attribute__((format(printf, 4, 5)));

// The thing complained of happened once more, and nobody needs a line for it; `grievance` is a
// former value of `newest`.
void trace_repeat(struct trace *trace, size_t grievance);

// What was complained of so far, to be put back later (vboard/snapshot.h). Lines that were written
// stay written.
struct trace_mark {
    struct trace_grievance *grievances;
    size_t grievance_count;
    struct trace_word *words;
    size_t word_count;
    unsigned long complaint_count;
};

void trace_mark(const struct trace *trace, struct trace_mark *mark);
void trace_return(struct trace *trace, const struct trace_mark *mark);
void trace_mark_free(struct trace_mark *mark);

// How often trace_complaint() was called, `what` NULL for all words together.
unsigned long trace_complaints(const struct trace *trace, const char *what);

#endif
