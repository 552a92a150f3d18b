// SPDX-License-Identifier: MIT
//
// Keeping, ordering, the verdict, and the text for people.

#include "doctor/report.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "spec/dfu.h"

#define TEXT_COLUMNS 92u

// -- Adding

// Room for one more of `bytes` each; NULL, and the report is short, if there is no memory.
static void *grow(struct report *report, void *items, size_t count, size_t *room, size_t bytes) {
    if (count < *room) {
        return items;
    }
    size_t wanted = *room ? *room * 2 : 16;
    void *more = realloc(items, wanted * bytes);
    if (!more) {
        report->is_short = true;
        return NULL;
    }
    *room = wanted;
    return more;
}

#define APPEND(report, items, count, room, item)                                                   \
    do {                                                                                           \
        void *more =                                                                               \
            grow((report), (report)->items, (report)->count, &(report)->room, sizeof(item));       \
        if (more) {                                                                                \
            (report)->items = more;                                                                \
            (report)->items[(report)->count++] = (item);                                           \
        }                                                                                          \
    } while (0)

static struct report_finding *find(const struct report *report, const struct finding *finding) {
    for (size_t i = 0; i < report->finding_count; i++) {
        if (report->findings[i].finding == finding) {
            return &report->findings[i];
        }
    }
    return NULL;
}

static void add(struct report *report, const struct finding *finding,
                enum finding_severity severity, enum report_confidence confidence, uint64_t at_us,
                const char *format, va_list args) {
    struct report_finding *entry = find(report, finding);
    if (!entry) {
        struct report_finding fresh = {.finding = finding,
                                       .severity = severity,
                                       .confidence = confidence,
                                       .culprit = finding->culprit,
                                       .meaning = finding->meaning,
                                       .remedy = finding->remedy,
                                       .order = (unsigned)report->finding_count};
        size_t before = report->finding_count;
        APPEND(report, findings, finding_count, finding_room, fresh);
        if (report->finding_count == before) {
            return;
        }
        entry = &report->findings[before];
    }
    entry->is_aside = entry->is_aside && severity <= entry->severity;
    entry->severity = severity > entry->severity ? severity : entry->severity;
    entry->confidence = confidence > entry->confidence ? confidence : entry->confidence;
    if (entry->evidence_count < REPORT_EVIDENCE_MAX) {
        struct report_evidence *evidence = &entry->evidence[entry->evidence_count++];
        evidence->at_us = at_us;
        (void)vsnprintf(evidence->text, sizeof evidence->text, format, args);
    }
}

void report_add(struct report *report, const char *id, enum report_confidence confidence,
                uint64_t at_us, const char *evidence, ...) {
    const struct finding *finding = finding_named(id);
    assert(finding);
    va_list args;
    va_start(args, evidence);
    add(report, finding, finding->severity, confidence, at_us, evidence, args);
    va_end(args);
}

void report_add_as(struct report *report, const char *id, enum finding_severity severity,
                   enum report_confidence confidence, uint64_t at_us, const char *evidence, ...) {
    const struct finding *finding = finding_named(id);
    assert(finding);
    va_list args;
    va_start(args, evidence);
    add(report, finding, severity, confidence, at_us, evidence, args);
    va_end(args);
}

void report_blame(struct report *report, const char *id, enum finding_culprit culprit) {
    const struct finding *finding = finding_named(id);
    struct report_finding *entry = finding ? find(report, finding) : NULL;
    if (entry) {
        entry->culprit = culprit;
    }
}

void report_set_aside(struct report *report, const char *id) {
    const struct finding *finding = finding_named(id);
    struct report_finding *entry = finding ? find(report, finding) : NULL;
    if (entry) {
        entry->is_aside = true;
    }
}

void report_explain(struct report *report, const char *id, const char *meaning,
                    const char *remedy) {
    const struct finding *finding = finding_named(id);
    struct report_finding *entry = finding ? find(report, finding) : NULL;
    if (entry) {
        entry->meaning = meaning;
        entry->remedy = remedy;
    }
}

const struct report_finding *report_has(const struct report *report, const char *id) {
    const struct finding *finding = finding_named(id);
    return finding ? find(report, finding) : NULL;
}

void report_fact(struct report *report, const char *group, const char *name, const char *value,
                 ...) {
    struct report_fact fact;
    (void)snprintf(fact.group, sizeof fact.group, "%s", group);
    (void)snprintf(fact.name, sizeof fact.name, "%s", name);
    va_list args;
    va_start(args, value);
    (void)vsnprintf(fact.value, sizeof fact.value, value, args);
    va_end(args);
    APPEND(report, facts, fact_count, fact_room, fact);
}

void report_area(struct report *report, const struct report_area *area) {
    APPEND(report, areas, area_count, area_room, *area);
}

void report_touch(struct report *report, uint64_t at_us, enum report_touch_kind kind, uint32_t addr,
                  uint32_t bytes) {
    struct report_touch touch = {at_us, kind, addr, bytes};
    APPEND(report, touches, touch_count, touch_room, touch);
}

void report_request(struct report *report, const struct report_request *request) {
    APPEND(report, requests, request_count, request_room, *request);
}

void report_incomplete(struct report *report, const char *why, ...) {
    if (report->incomplete[0]) {
        return;
    }
    va_list args;
    va_start(args, why);
    (void)vsnprintf(report->incomplete, sizeof report->incomplete, why, args);
    va_end(args);
}

void report_free(struct report *report) {
    free(report->findings);
    free(report->facts);
    free(report->areas);
    free(report->touches);
    free(report->requests);
    memset(report, 0, sizeof *report);
}

// -- Order and verdict

static int compare(const void *left, const void *right) {
    const struct report_finding *a = left;
    const struct report_finding *b = right;
    bool is_note = a->severity == FINDING_NOTE;
    if (is_note != (b->severity == FINDING_NOTE)) {
        return is_note ? 1 : -1;
    }
    if (a->is_aside != b->is_aside) {
        return a->is_aside ? 1 : -1;
    }
    if (a->severity != b->severity) {
        return a->severity > b->severity ? -1 : 1;
    }
    if (a->confidence != b->confidence) {
        return a->confidence > b->confidence ? -1 : 1;
    }
    return (a->order > b->order) - (a->order < b->order);
}

void report_sort(struct report *report) {
    if (report->finding_count > 1) {
        qsort(report->findings, report->finding_count, sizeof report->findings[0], compare);
    }
}

enum finding_severity report_worst(const struct report *report) {
    enum finding_severity worst = FINDING_NOTE;
    for (size_t i = 0; i < report->finding_count; i++) {
        worst = report->findings[i].severity > worst ? report->findings[i].severity : worst;
    }
    return worst;
}

const char *report_verdict(const struct report *report, char *out, size_t size) {
    const struct report_finding *first = NULL;
    unsigned needs = 0;
    for (size_t i = 0; i < report->finding_count; i++) {
        const struct report_finding *entry = &report->findings[i];
        if (entry->severity != FINDING_NOTE) {
            needs++;
            first = first && compare(first, entry) <= 0 ? first : entry;
        }
    }
    const char *open = report->incomplete[0] ? "; not all was looked at: " : "";
    if (!first) {
        (void)snprintf(out, size, "%s%s%s.",
                       report->incomplete[0] ? "Nothing was found to be wrong"
                                             : "Nothing is wrong, as far as was looked",
                       open, report->incomplete);
    } else {
        (void)snprintf(out, size, "%u thing%s you: %s%s, %s (%s)%s%s.", needs,
                       needs == 1 ? " needs" : "s need", needs == 1 ? "" : "first ",
                       first->finding->id, first->finding->title,
                       report_confidence_word(first->confidence), open, report->incomplete);
    }
    return out;
}

// -- Words

const char *report_confidence_word(enum report_confidence confidence) {
    static const char *const words[] = {"possible", "likely", "certain"};
    return words[confidence];
}

const char *report_touch_word(enum report_touch_kind kind) {
    static const char *const words[] = {"read",      "erased", "written",
                                        "unchanged", "harmed", "restored"};
    return words[kind];
}

const char *report_result_word(enum report_result result) {
    static const char *const words[] = {"ok", "stall", "timeout", "gone"};
    return words[result];
}

// Control characters, which a device's string may hold, do nothing to a terminal.
static void put_clean(FILE *out, const char *text, size_t len) {
    for (size_t i = 0; i < len; i++) {
        unsigned char byte = (unsigned char)text[i];
        (void)fputc(byte < 0x20 || byte == 0x7f ? '?' : byte, out);
    }
}

// Broken at blanks; the first line begins with `label`, the others below its end.
static void print_wrapped(FILE *out, const char *label, const char *text) {
    int indent = fprintf(out, "  %-9s", label);
    size_t room = TEXT_COLUMNS - (size_t)(indent > 0 ? indent : 0);
    for (const char *line = text; *line;) {
        size_t len = strlen(line);
        if (len > room) {
            size_t at = room;
            while (at > 0 && line[at] != ' ') {
                at--;
            }
            len = at ? at : room;
        }
        if (line != text) {
            (void)fprintf(out, "%*s", indent, "");
        }
        put_clean(out, line, len);
        (void)fputc('\n', out);
        line += len;
        while (*line == ' ') {
            line++;
        }
    }
}

static void print_finding(const struct report_finding *entry, FILE *out) {
    const struct finding *finding = entry->finding;
    (void)fprintf(out, "%s %s: %s\n", finding->id, finding_severity_word(entry->severity),
                  finding->title);
    for (unsigned i = 0; i < entry->evidence_count; i++) {
        const struct report_evidence *evidence = &entry->evidence[i];
        char text[sizeof evidence->text + 32];
        if (evidence->at_us == REPORT_NO_TIME) {
            (void)snprintf(text, sizeof text, "%s", evidence->text);
        } else {
            (void)snprintf(text, sizeof text, "at %.3f s: %s", (double)evidence->at_us / 1e6,
                           evidence->text);
        }
        print_wrapped(out, i == 0 ? "seen" : "", text);
    }
    print_wrapped(out, "means", entry->meaning);
    print_wrapped(out, "do", entry->remedy);
    (void)fprintf(out, "  %-9s%s; %s\n\n", "at fault", finding_culprit_word(entry->culprit),
                  report_confidence_word(entry->confidence));
}

static void print_request(const struct report_request *request, FILE *out) {
    (void)fprintf(out, "  %10.6f %9.3f ms  %-7s ", (double)request->at_us / 1e6,
                  (double)request->duration_us / 1e3, report_result_word(request->result));
    put_clean(out, request->words, strlen(request->words));
    if (request->state >= 0) {
        (void)fprintf(out, " -> %s", dfu_state_name((unsigned)request->state));
    }
    if (request->status > 0) {
        (void)fprintf(out, ", %s", dfu_status_name((unsigned)request->status));
    }
    if (request->poll_ms >= 0) {
        (void)fprintf(out, ", poll %" PRId64 " ms", request->poll_ms);
    }
    (void)fputc('\n', out);
}

static void print_details(const struct report *report, FILE *out) {
    const char *group = "";
    for (size_t i = 0; i < report->fact_count; i++) {
        const struct report_fact *fact = &report->facts[i];
        if (strcmp(group, fact->group) != 0) {
            group = fact->group;
            (void)fprintf(out, "%s\n", group);
        }
        (void)fprintf(out, "  %-22s ", fact->name);
        put_clean(out, fact->value, strlen(fact->value));
        (void)fputc('\n', out);
    }
    if (report->area_count != 0) {
        (void)fputs("memory\n", out);
    }
    for (size_t i = 0; i < report->area_count; i++) {
        const struct report_area *area = &report->areas[i];
        (void)fprintf(
            out, "  alternate %u  0x%08" PRIX32 "  %3" PRIu32 " x %6" PRIu32 " bytes  %c%c%c\n",
            area->alternate, area->addr, area->count, area->sector_bytes,
            area->can & 1u ? 'r' : '-', area->can & 2u ? 'e' : '-', area->can & 4u ? 'w' : '-');
    }
    for (size_t i = 0; i < report->touch_count; i++) {
        const struct report_touch *touch = &report->touches[i];
        (void)fprintf(out, "  0x%08" PRIX32 "  %7" PRIu32 " bytes  %s\n", touch->addr, touch->bytes,
                      report_touch_word(touch->kind));
    }
    if (report->request_count != 0) {
        (void)fputs("requests\n", out);
    }
    for (size_t i = 0; i < report->request_count; i++) {
        print_request(&report->requests[i], out);
    }
    if (report->fact_count + report->area_count + report->request_count != 0) {
        (void)fputc('\n', out);
    }
}

void report_text(const struct report *report, FILE *out, bool is_verbose) {
    char verdict[700];
    if (report->subject[0]) {
        put_clean(out, report->subject, strlen(report->subject));
        (void)fputs("\n\n", out);
    }
    if (is_verbose) {
        print_details(report, out);
    }
    for (size_t i = 0; i < report->finding_count; i++) {
        print_finding(&report->findings[i], out);
    }
    if (report->is_short) {
        (void)fputs("Memory ran out: part of what was seen is not in this report.\n", out);
    }
    report_verdict(report, verdict, sizeof verdict);
    put_clean(out, verdict, strlen(verdict));
    (void)fputc('\n', out);
}
