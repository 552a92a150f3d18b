// SPDX-License-Identifier: MIT
//
// The report as JSON, one object a line, in the form of docs/json.md.

#include <inttypes.h>
#include <string.h>

#include "doctor/report.h"
#include "doctor/utf8.h"
#include "spec/dfu.h"

static void put_text(FILE *out, const char *name, const char *text) {
    (void)fprintf(out, ",\"%s\":\"", name);
    for (const unsigned char *at = (const unsigned char *)text; *at;) {
        size_t len = utf8_len(at);
        if (len == 0) {
            (void)fputc('?', out);
            at++;
        } else if (*at == '"' || *at == '\\') {
            (void)fprintf(out, "\\%c", *at++);
        } else if (*at < 0x20) {
            (void)fprintf(out, "\\u%04x", *at++);
        } else {
            (void)fwrite(at, 1, len, out);
            at += len;
        }
    }
    (void)fputc('"', out);
}

static void put_number(FILE *out, const char *name, uint64_t number) {
    (void)fprintf(out, ",\"%s\":%" PRIu64, name, number);
}

static void put_seconds(FILE *out, const char *name, uint64_t us) {
    (void)fprintf(out, ",\"%s\":%" PRIu64 ".%06" PRIu64, name, us / 1000000, us % 1000000);
}

static void put_bool(FILE *out, const char *name, bool is_true) {
    (void)fprintf(out, ",\"%s\":%s", name, is_true ? "true" : "false");
}

static void put_finding(const struct report_finding *entry, FILE *out) {
    const struct finding *finding = entry->finding;
    (void)fputs("{\"type\":\"finding\"", out);
    put_text(out, "id", finding->id);
    put_text(out, "severity", finding_severity_word(entry->severity));
    put_text(out, "confidence", report_confidence_word(entry->confidence));
    put_text(out, "at_fault", finding_culprit_word(entry->culprit));
    put_text(out, "title", finding->title);
    put_text(out, "meaning", entry->meaning);
    put_text(out, "remedy", entry->remedy);
    (void)fputs(",\"evidence\":[", out);
    for (unsigned i = 0; i < entry->evidence_count; i++) {
        const struct report_evidence *evidence = &entry->evidence[i];
        (void)fputs(i == 0 ? "{\"type\":\"evidence\"" : ",{\"type\":\"evidence\"", out);
        if (evidence->at_us != REPORT_NO_TIME) {
            put_seconds(out, "seconds", evidence->at_us);
        }
        put_text(out, "text", evidence->text);
        (void)fputc('}', out);
    }
    (void)fputs("]}\n", out);
}

static void put_request(const struct report_request *request, FILE *out) {
    (void)fputs("{\"type\":\"request\"", out);
    put_seconds(out, "seconds", request->at_us);
    put_seconds(out, "duration", request->duration_us);
    put_text(out, "words", request->words);
    put_text(out, "result", report_result_word(request->result));
    if (request->state >= 0) {
        put_text(out, "state", dfu_state_name((unsigned)request->state));
    }
    if (request->status >= 0) {
        put_text(out, "status", dfu_status_name((unsigned)request->status));
    }
    if (request->poll_ms >= 0) {
        put_seconds(out, "poll", (uint64_t)request->poll_ms * 1000);
    }
    (void)fputs("}\n", out);
}

void report_json(const struct report *report, FILE *out) {
    for (size_t i = 0; i < report->fact_count; i++) {
        (void)fputs("{\"type\":\"fact\"", out);
        put_text(out, "group", report->facts[i].group);
        put_text(out, "name", report->facts[i].name);
        put_text(out, "value", report->facts[i].value);
        (void)fputs("}\n", out);
    }
    for (size_t i = 0; i < report->area_count; i++) {
        const struct report_area *area = &report->areas[i];
        (void)fputs("{\"type\":\"area\"", out);
        put_number(out, "alternate", area->alternate);
        put_text(out, "name", area->name);
        put_number(out, "address", area->addr);
        put_number(out, "sectors", area->count);
        put_number(out, "sector_bytes", area->sector_bytes);
        put_bool(out, "read", (area->can & 1u) != 0);
        put_bool(out, "erase", (area->can & 2u) != 0);
        put_bool(out, "write", (area->can & 4u) != 0);
        (void)fputs("}\n", out);
    }
    for (size_t i = 0; i < report->request_count; i++) {
        put_request(&report->requests[i], out);
    }
    for (size_t i = 0; i < report->touch_count; i++) {
        const struct report_touch *touch = &report->touches[i];
        (void)fputs("{\"type\":\"touch\"", out);
        put_seconds(out, "seconds", touch->at_us);
        put_text(out, "kind", report_touch_word(touch->kind));
        put_number(out, "address", touch->addr);
        put_number(out, "bytes", touch->bytes);
        (void)fputs("}\n", out);
    }
    for (size_t i = 0; i < report->finding_count; i++) {
        put_finding(&report->findings[i], out);
    }
    char verdict[700];
    report_verdict(report, verdict, sizeof verdict);
    (void)fputs("{\"type\":\"verdict\"", out);
    put_text(out, "subject", report->subject);
    put_text(out, "worst", finding_severity_word(report_worst(report)));
    put_number(out, "findings", report->finding_count);
    put_bool(out, "complete", !report->incomplete[0] && !report->is_short);
    put_text(out, "text", verdict);
    (void)fputs("}\n", out);
}
