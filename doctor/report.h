// SPDX-License-Identifier: MIT
//
// What a diagnosis has found: the findings with their evidence, and beside them what was looked at (facts, the memory
// map, the time line of requests), so that whoever doubts can look for himself. Observers add; writers read. The
// order of findings is severity, then confidence, then the order in which they came.
//
//   struct report report = {0};
//   report_fact(&report, "product", "%s", name);
//   report_add(&report, "F8", REPORT_LIKELY, at_us, "erase of 0x%08X: dfuDNBUSY for %u ms", ...);
//   report_sort(&report);
//   report_text(&report, stdout, false);
//   report_free(&report);
//
// Times are microseconds from the beginning of the diagnosis. Texts come from devices and files, too: they may hold
// any byte, and each writer cleans them for its format.
//
// When memory runs out, what was to be added is left out and `is_short` says so; nothing fails.

#ifndef DOCTOR_REPORT_H
#define DOCTOR_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "doctor/finding.h"

enum report_confidence {
    REPORT_POSSIBLE = 0, // fits, and so does something else
    REPORT_LIKELY,
    REPORT_CERTAIN, // was seen
};

#define REPORT_EVIDENCE_MAX 6u
#define REPORT_NO_TIME      UINT64_MAX

struct report_evidence {
    uint64_t at_us; // REPORT_NO_TIME: at no instant
    char text[400];
};

struct report_finding {
    const struct finding *finding;
    enum finding_severity severity; // the table's, or what the observer made of it here
    enum report_confidence confidence;
    enum finding_culprit culprit; // the table's, or whom the observer blames here
    const char *meaning, *remedy; // the table's, or what the observer says here
    unsigned evidence_count;
    struct report_evidence evidence[REPORT_EVIDENCE_MAX]; // in the order in which it came
    bool
        is_aside; // true, and not what stopped the load that was watched: behind all others but notes
    unsigned order;
};

// Something that was looked at: "wTransferSize" "2048 bytes". `group` is a heading: "device", "descriptors",
// "layout", "state", "PC", "timing", "sector", "tool"...
struct report_fact {
    char group[24];
    char name[64];
    char value[400];
};

// Sectors of one size and kind, as the device (or the chip) has them. `can`: 1 read, 2 erase, 4 write.
struct report_area {
    unsigned alternate;
    uint32_t addr, sector_bytes, count;
    uint8_t can;
    char name[48];
};

// What happened to a range of memory.
enum report_touch_kind {
    REPORT_READ = 0,
    REPORT_ERASED,
    REPORT_WRITTEN,
    REPORT_UNCHANGED, // should have been erased or written, and was not
    REPORT_HARMED,    // changed though nobody asked for it
    REPORT_RESTORED,
};
struct report_touch {
    uint64_t at_us;
    enum report_touch_kind kind;
    uint32_t addr, bytes;
};

// One request of the session. Also what else happened, with a duration of 0: "bus reset", "power on".
enum report_result { REPORT_OK = 0, REPORT_STALLED, REPORT_TIMED_OUT, REPORT_GONE };
struct report_request {
    uint64_t at_us;
    uint64_t duration_us;
    enum report_result result;
    int state;       // DFU state after it; -1: not told
    int status;      // DFU status; -1: not told
    int64_t poll_ms; // bwPollTimeout; -1: not told
    char words[112]; // "DNLOAD block 0: erase 0x0800C000"
};

struct report {
    struct report_finding *findings;
    size_t finding_count, finding_room;
    struct report_fact *facts;
    size_t fact_count, fact_room;
    struct report_area *areas;
    size_t area_count, area_room;
    struct report_touch *touches;
    size_t touch_count, touch_room;
    struct report_request *requests;
    size_t request_count, request_room;
    // What was examined: "DFU in FS Mode, 0483:df11 at 1-2", "boot.elf", "session.log".
    char subject[160];
    // Empty: all that was meant to be looked at was. Else why not: the verdict says it, and is no clean bill.
    char incomplete[300];
    bool is_short; // memory ran out
};

// Adds evidence for a cause. The same id again adds to the evidence (as many as fit) and keeps the greater
// confidence. The id has to be one of the table (asserted). Evidence is printf's.
void report_add(struct report *report, const char *id, enum report_confidence confidence,
                uint64_t at_us, const char *evidence, ...) __attribute__((format(printf, 5, 6)));
// The same with a severity of the observer's; the greater one stays.
void report_add_as(struct report *report, const char *id, enum finding_severity severity,
                   enum report_confidence confidence, uint64_t at_us, const char *evidence, ...)
    __attribute__((format(printf, 6, 7)));
// Of what was added: somebody else than the table says is at fault here.
void report_blame(struct report *report, const char *id, enum finding_culprit culprit);
// Of what was added: it is true, and what was seen to fail did not fail of it. It comes behind all
// others but notes.
void report_set_aside(struct report *report, const char *id);
// Of what was added: it means something else here than the table says, and something else is to be done. Both
// texts have to last: literals.
void report_explain(struct report *report, const char *id, const char *meaning, const char *remedy);
// What was found of an id; NULL: nothing.
const struct report_finding *report_has(const struct report *report, const char *id);

void report_fact(struct report *report, const char *group, const char *name, const char *value, ...)
    __attribute__((format(printf, 4, 5)));
void report_area(struct report *report, const struct report_area *area);
void report_touch(struct report *report, uint64_t at_us, enum report_touch_kind kind, uint32_t addr,
                  uint32_t bytes);
void report_request(struct report *report, const struct report_request *request);
// Why not all was looked at; the first reason stays.
void report_incomplete(struct report *report, const char *why, ...)
    __attribute__((format(printf, 2, 3)));

// Puts the findings into their order. Call it before a writer.
void report_sort(struct report *report);
// The greatest severity of all findings; FINDING_NOTE if there are none.
enum finding_severity report_worst(const struct report *report);
// "Nothing is wrong." or "2 things need you: F13 ...", one line without its end. Returns `out`.
const char *report_verdict(const struct report *report, char *out, size_t size);

// For people; the last line is the verdict. Of what is well only that; `is_verbose`: all facts and requests, too.
void report_text(const struct report *report, FILE *out, bool is_verbose);
// One JSON object a line: "fact", "area", "touch", "request", "finding", then "verdict" (docs/json.md).
void report_json(const struct report *report, FILE *out);
// One page that needs nothing else (report_html.c).
void report_html(const struct report *report, FILE *out);

// "possible", "likely", "certain".
const char *report_confidence_word(enum report_confidence confidence);
// "read", "erased", "written", "unchanged", "harmed", "restored".
const char *report_touch_word(enum report_touch_kind kind);
// "ok", "stall", "timeout", "gone".
const char *report_result_word(enum report_result result);

// Gives the memory back; the report is empty then, as {0} is.
void report_free(struct report *report);

#endif
