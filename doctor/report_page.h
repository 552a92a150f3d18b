// SPDX-License-Identifier: MIT
//
// What the two halves of the HTML page share: its texts (report_html.c) and its drawings (report_draw.c).

#ifndef DOCTOR_REPORT_PAGE_H
#define DOCTOR_REPORT_PAGE_H

#include <stdio.h>

#include "doctor/report.h"

// Writes a text so that it is nothing but text in HTML, attributes included: markup is escaped; bytes that are not
// UTF-8, control characters and those that turn the direction of writing become U+FFFD.
void page_text(FILE *out, const char *text);

// The memory map and what happened to it, as inline SVG. Nothing without areas.
void page_draw_map(const struct report *report, FILE *out);
// DFU states and requests over time, with the moments of the evidence, as inline SVG. Nothing without requests.
void page_draw_time_line(const struct report *report, FILE *out);

#endif
