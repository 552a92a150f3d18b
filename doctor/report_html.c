// SPDX-License-Identifier: MIT
//
// The report as one page: no script, no font, no picture from elsewhere (its content security policy forbids them),
// readable from 400 pixels on, in light, in dark and on paper.

#include <inttypes.h>
#include <string.h>

#include "doctor/report_page.h"
#include "doctor/utf8.h"
#include "spec/dfu.h"

// A browser takes more; a person does not. The JSON form has all.
#define ROWS_MAX 3000u

// clang-format off
static const char style[] =
    ":root{color-scheme:light dark;--back:#fff;--text:#1b1f24;--dim:#59636e;--line:#d1d9e0;--card:#f6f8fa;"
    "--fault:#b3261e;--warning:#8a5a00;--note:#0a5db3;--good:#1a6b34;"
    "--read:#9db7d5;--erased:#e0a800;--written:#2e8b57;--unchanged:#b3261e;--harmed:#d6006c;--restored:#6f42c1}\n"
    "@media(prefers-color-scheme:dark){:root{--back:#0f1318;--text:#e6edf3;--dim:#9aa5b1;--line:#343c46;"
    "--card:#171c23;--fault:#ff8a80;--warning:#f0b84a;--note:#7ab7ff;--good:#6fd08c;--read:#48617f;"
    "--written:#4fb87f;--unchanged:#ff8a80;--harmed:#ff6fb1;--restored:#b392f0}}\n"
    "*{box-sizing:border-box}\n"
    "body{margin:0;background:var(--back);color:var(--text);font:16px/1.5 system-ui,sans-serif}\n"
    "main{max-width:70rem;margin:0 auto;padding:1rem}\n"
    "h1{font-size:1.5rem;margin:.5rem 0;overflow-wrap:anywhere}\n"
    "h2{font-size:1.2rem;margin:2rem 0 .5rem}\n"
    "h3{font-size:1rem;margin:0;overflow-wrap:anywhere}\n"
    "p{margin:.5rem 0;overflow-wrap:anywhere}\n"
    ".verdict{font-size:1.1rem;font-weight:600;border-left:.4rem solid var(--good);padding:.5rem .8rem;"
    "background:var(--card)}\n"
    ".verdict.fault{border-color:var(--fault)}.verdict.warning{border-color:var(--warning)}\n"
    "article{border:1px solid var(--line);border-left:.4rem solid var(--note);border-radius:.3rem;"
    "background:var(--card);padding:.8rem;margin:.8rem 0}\n"
    "article.fault{border-left-color:var(--fault)}article.warning{border-left-color:var(--warning)}\n"
    ".tags{color:var(--dim);margin:.2rem 0;font-size:.9rem}\n"
    ".fault .tags b{color:var(--fault)}.warning .tags b{color:var(--warning)}.note .tags b{color:var(--note)}\n"
    "dl{display:grid;grid-template-columns:minmax(6rem,10rem) minmax(0,1fr);gap:.2rem .8rem;margin:.5rem 0}\n"
    "dt{color:var(--dim)}dd{margin:0;overflow-wrap:anywhere}\n"
    "ul{margin:.2rem 0;padding-left:1.2rem}li{overflow-wrap:anywhere}\n"
    ".wide{overflow-x:auto;border:1px solid var(--line);border-radius:.3rem;background:var(--card)}\n"
    "table{border-collapse:collapse;width:100%;font-size:.85rem;font-variant-numeric:tabular-nums}\n"
    "th,td{text-align:left;padding:.15rem .6rem;border-bottom:1px solid var(--line);white-space:nowrap}\n"
    "td.n{text-align:right}tr.bad td{color:var(--fault);font-weight:600}\n"
    "svg text{fill:var(--text);font:12px system-ui,sans-serif}svg .dim{fill:var(--dim)}\n"
    "svg .box{fill:var(--back);stroke:var(--line)}svg .grid{stroke:var(--line)}\n"
    "svg .step{fill:none;stroke:var(--note);stroke-width:2}\n"
    "svg .ok{fill:var(--note)}svg .stall{fill:var(--fault)}svg .timeout{fill:var(--warning)}svg .gone{fill:var(--harmed)}\n"
    "svg .read{fill:var(--read)}svg .erased{fill:var(--erased)}svg .written{fill:var(--written)}"
    "svg .unchanged{fill:var(--unchanged)}svg .harmed{fill:var(--harmed)}svg .restored{fill:var(--restored)}\n"
    "svg .mark{stroke:var(--fault);stroke-dasharray:3 3}\n"
    ".map{width:100%;max-width:30rem;height:auto;display:block}.time{min-width:40rem;width:100%;height:auto;display:block}\n"
    "footer{color:var(--dim);font-size:.85rem;margin:2rem 0 1rem}\n"
    "@media(max-width:520px){dl{grid-template-columns:1fr;gap:0}dt{margin-top:.4rem}main{padding:.6rem}}\n"
    "@media print{.wide{overflow:visible}article{break-inside:avoid}td,th{white-space:normal}}\n";
// clang-format on

// U+200E, U+200F, U+202A to U+202E, U+2066 to U+2069: they would let a device's string reorder what stands beside it.
static bool turns_direction(const unsigned char *at, size_t len) {
    return len == 3 && at[0] == 0xe2 &&
           ((at[1] == 0x80 &&
             (at[2] == 0x8e || at[2] == 0x8f || (at[2] >= 0xaa && at[2] <= 0xae))) ||
            (at[1] == 0x81 && at[2] >= 0xa6 && at[2] <= 0xa9));
}

void page_text(FILE *out, const char *text) {
    for (const unsigned char *at = (const unsigned char *)text; *at;) {
        size_t len = utf8_len(at);
        bool is_control = len == 1 && (*at < 0x20 || *at == 0x7f) && *at != '\n' && *at != '\t';
        bool is_c1 = len == 2 && at[0] == 0xc2 && at[1] < 0xa0;
        if (len == 0 || is_control || is_c1 || turns_direction(at, len)) {
            (void)fputs("&#xfffd;", out);
        } else if (*at == '<') {
            (void)fputs("&lt;", out);
        } else if (*at == '>') {
            (void)fputs("&gt;", out);
        } else if (*at == '&') {
            (void)fputs("&amp;", out);
        } else if (*at == '"') {
            (void)fputs("&quot;", out);
        } else if (*at == '\'') {
            (void)fputs("&#39;", out);
        } else {
            (void)fwrite(at, 1, len, out);
        }
        at += len ? len : 1;
    }
}

static void put_element(FILE *out, const char *before, const char *text, const char *after) {
    (void)fputs(before, out);
    page_text(out, text);
    (void)fputs(after, out);
}

static void put_evidence(const struct report_finding *entry, FILE *out) {
    (void)fputs("<dt>seen</dt><dd><ul>\n", out);
    for (unsigned i = 0; i < entry->evidence_count; i++) {
        const struct report_evidence *evidence = &entry->evidence[i];
        (void)fputs("<li>", out);
        if (evidence->at_us != REPORT_NO_TIME) {
            (void)fprintf(out, "at %.3f s: ", (double)evidence->at_us / 1e6);
        }
        put_element(out, "", evidence->text, "</li>\n");
    }
    (void)fputs("</ul></dd>\n", out);
}

static void put_finding(const struct report_finding *entry, FILE *out) {
    const struct finding *finding = entry->finding;
    const char *severity = finding_severity_word(entry->severity);
    (void)fprintf(out, "<article class=\"%s\" id=\"%s\">\n<h3>%s: ", severity, finding->id,
                  finding->id);
    put_element(out, "", finding->title, "</h3>\n");
    (void)fprintf(out, "<p class=\"tags\"><b>%s</b> &middot; %s &middot; at fault: %s</p>\n<dl>\n",
                  severity, report_confidence_word(entry->confidence),
                  finding_culprit_word(entry->culprit));
    put_evidence(entry, out);
    put_element(out, "<dt>means</dt><dd>", entry->meaning, "</dd>\n");
    put_element(out, "<dt>what to do</dt><dd>", entry->remedy, "</dd>\n");
    put_element(out, "<dt>known from</dt><dd>", finding->source, "</dd>\n</dl>\n</article>\n");
}

static void put_findings(const struct report *report, FILE *out) {
    (void)fputs("<section aria-labelledby=\"findings\"><h2 id=\"findings\">Findings</h2>\n", out);
    if (report->finding_count == 0) {
        (void)fputs("<p>None.</p>\n", out);
    }
    for (size_t i = 0; i < report->finding_count; i++) {
        put_finding(&report->findings[i], out);
    }
    (void)fputs("</section>\n", out);
}

static void put_facts(const struct report *report, FILE *out) {
    if (report->fact_count == 0) {
        return;
    }
    (void)fputs("<section aria-labelledby=\"facts\"><h2 id=\"facts\">What was looked at</h2>\n",
                out);
    const char *group = NULL;
    for (size_t i = 0; i < report->fact_count; i++) {
        const struct report_fact *fact = &report->facts[i];
        if (!group || strcmp(group, fact->group) != 0) {
            put_element(out, group ? "</dl>\n<h3>" : "<h3>", fact->group, "</h3>\n<dl>\n");
            group = fact->group;
        }
        put_element(out, "<dt>", fact->name, "</dt>");
        put_element(out, "<dd>", fact->value, "</dd>\n");
    }
    (void)fputs("</dl>\n</section>\n", out);
}

static void put_row(const struct report_request *request, FILE *out) {
    (void)fprintf(out, "<tr%s><td class=\"n\">%.6f</td><td class=\"n\">%.3f</td><td>%s</td>",
                  request->result == REPORT_OK ? "" : " class=\"bad\"",
                  (double)request->at_us / 1e6, (double)request->duration_us / 1e3,
                  report_result_word(request->result));
    put_element(out, "<td>", request->words, "</td><td>");
    if (request->state >= 0) {
        page_text(out, dfu_state_name((unsigned)request->state));
    }
    (void)fputs("</td><td>", out);
    if (request->status >= 0) {
        page_text(out, dfu_status_name((unsigned)request->status));
    }
    (void)fputs("</td><td class=\"n\">", out);
    if (request->poll_ms >= 0) {
        (void)fprintf(out, "%" PRId64, request->poll_ms);
    }
    (void)fputs("</td></tr>\n", out);
}

static void put_trace(const struct report *report, FILE *out) {
    if (report->request_count == 0) {
        return;
    }
    size_t rows = report->request_count < ROWS_MAX ? report->request_count : ROWS_MAX;
    (void)fputs("<section aria-labelledby=\"trace\"><h2 id=\"trace\">Trace</h2>\n", out);
    if (rows < report->request_count) {
        (void)fprintf(out, "<p>The first %zu of %zu requests; --json has all.</p>\n", rows,
                      report->request_count);
    }
    (void)fputs(
        "<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-labelledby=\"trace\"><table>\n"
        "<thead><tr><th>s</th><th>took ms</th><th>result</th><th>request</th><th>state</th>"
        "<th>status</th><th>poll ms</th></tr></thead>\n<tbody>\n",
        out);
    for (size_t i = 0; i < rows; i++) {
        put_row(&report->requests[i], out);
    }
    (void)fputs("</tbody></table></div>\n</section>\n", out);
}

void report_html(const struct report *report, FILE *out) {
    char verdict[700];
    report_verdict(report, verdict, sizeof verdict);
    bool needs_nobody = report_worst(report) == FINDING_NOTE;
    (void)fputs("<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
                "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n"
                "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
                "style-src 'unsafe-inline'; img-src data:\">\n"
                "<link rel=\"icon\" href=\"data:,\">\n",
                out);
    const char *colon = report->subject[0] ? ": " : "";
    (void)fprintf(out, "<title>DFU diagnosis%s", colon);
    put_element(out, "", report->subject, "</title>\n<style>\n");
    (void)fprintf(out, "%s</style></head>\n<body><main>\n<h1>DFU diagnosis%s", style, colon);
    put_element(out, "<bdi>", report->subject, "</bdi></h1>\n");
    (void)fprintf(out, "<p class=\"verdict %s\">",
                  needs_nobody ? "" : finding_severity_word(report_worst(report)));
    put_element(out, "", verdict, "</p>\n");
    if (report->is_short) {
        (void)fputs("<p>Memory ran out: part of what was seen is not in this report.</p>\n", out);
    }
    put_findings(report, out);
    page_draw_map(report, out);
    page_draw_time_line(report, out);
    put_facts(report, out);
    put_trace(report, out);
    (void)fputs("<footer>What each finding means, and the others there are: docs/faults.md of "
                "redfu.</footer>\n"
                "</main></body></html>\n",
                out);
}
