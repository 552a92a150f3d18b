// SPDX-License-Identifier: MIT
//
// The drawings of the HTML page: numbers only, and words of our own, so that nothing a device says can spoil them.

#include <inttypes.h>
#include <string.h>

#include "doctor/report_page.h"
#include "spec/dfu.h"

// -- Memory map: one row a sector, from low to high, and a column a kind of touch

#define MAP_ROWS_MAX  96u // more sectors than this: a row an area
#define MAP_COLUMNS_X 216.0
#define MAP_COLUMN    22.0
#define MAP_TOP       8.0
#define MAP_WIDTH     360
#define TOUCH_KINDS   6u
#define TOUCH_RECTS   2000u

static bool is_drawn_before(const struct report *report, size_t index) {
    const struct report_area *area = &report->areas[index];
    for (size_t i = 0; i < index; i++) {
        const struct report_area *earlier = &report->areas[i];
        if (earlier->addr == area->addr && earlier->count == area->count &&
            earlier->sector_bytes == area->sector_bytes) {
            return true;
        }
    }
    return false;
}

static double row_height(uint64_t bytes) {
    double height = 16;
    for (uint64_t at = 16384; at < bytes && height < 40; at *= 2) {
        height += 4;
    }
    return height;
}

static void put_bytes(FILE *out, uint64_t bytes) {
    if (bytes >= 1048576 && bytes % 1048576 == 0) {
        (void)fprintf(out, "%" PRIu64 " MB", bytes / 1048576);
    } else if (bytes >= 1024 && bytes % 1024 == 0) {
        (void)fprintf(out, "%" PRIu64 " KB", bytes / 1024);
    } else {
        (void)fprintf(out, "%" PRIu64 " B", bytes);
    }
}

struct map {
    const struct report *report;
    FILE *out;
    double y;
    unsigned rects;
    double column[TOUCH_KINDS]; // 0: no touch of this kind
};

// What happened between `from` and `to`; blocks that follow each other are one.
static void draw_touches(struct map *map, uint64_t from, uint64_t to, double height) {
    const struct report *report = map->report;
    for (size_t i = 0; i < report->touch_count;) {
        const struct report_touch *first = &report->touches[i];
        uint64_t begin = first->addr;
        uint64_t end = begin + first->bytes;
        for (i++; i < report->touch_count && report->touches[i].kind == first->kind &&
                  report->touches[i].addr == end;
             i++) {
            end += report->touches[i].bytes;
        }
        begin = begin > from ? begin : from;
        end = end < to ? end : to;
        if (begin >= end || map->rects >= TOUCH_RECTS) {
            continue;
        }
        map->rects++;
        double scale = height / (double)(to - from);
        double length = (double)(end - begin) * scale;
        (void)fprintf(map->out,
                      "<rect class=\"%s\" x=\"%.0f\" y=\"%.1f\" width=\"16\" height=\"%.1f\"/>\n",
                      report_touch_word(first->kind), map->column[first->kind],
                      map->y + (double)(begin - from) * scale, length < 1.5 ? 1.5 : length);
    }
}

static void draw_row(struct map *map, uint64_t from, uint64_t bytes, unsigned can) {
    double height = row_height(bytes);
    double text = map->y + height / 2 + 4;
    (void)fprintf(map->out,
                  "<text class=\"dim\" x=\"4\" y=\"%.1f\">0x%08" PRIX64 "</text>"
                  "<rect class=\"box\" x=\"88\" y=\"%.1f\" width=\"120\" height=\"%.1f\"/>"
                  "<text x=\"94\" y=\"%.1f\">",
                  text, from, map->y, height, text);
    put_bytes(map->out, bytes);
    (void)fprintf(map->out, "</text><text class=\"dim\" x=\"176\" y=\"%.1f\">%c%c%c</text>\n", text,
                  can & 1u ? 'r' : '-', can & 2u ? 'e' : '-', can & 4u ? 'w' : '-');
    draw_touches(map, from, from + bytes, height);
    map->y += height + 2;
}

static void draw_area(struct map *map, const struct report_area *area, bool by_sector) {
    if (!by_sector) {
        draw_row(map, area->addr, (uint64_t)area->count * area->sector_bytes, area->can);
        return;
    }
    for (uint32_t i = 0; i < area->count; i++) {
        draw_row(map, area->addr + (uint64_t)i * area->sector_bytes, area->sector_bytes, area->can);
    }
}

// The height that the rows take, and whether each sector gets one.
static double map_height(const struct report *report, bool *by_sector) {
    uint64_t sectors = 0;
    for (size_t i = 0; i < report->area_count; i++) {
        sectors += is_drawn_before(report, i) ? 0 : report->areas[i].count;
    }
    *by_sector = sectors <= MAP_ROWS_MAX;
    double height = MAP_TOP;
    for (size_t i = 0; i < report->area_count; i++) {
        const struct report_area *area = &report->areas[i];
        if (is_drawn_before(report, i)) {
            continue;
        }
        height += *by_sector ? area->count * (row_height(area->sector_bytes) + 2)
                             : row_height((uint64_t)area->count * area->sector_bytes) + 2;
    }
    return height + 4;
}

void page_draw_map(const struct report *report, FILE *out) {
    if (report->area_count == 0) {
        return;
    }
    struct map map = {.report = report, .out = out, .y = MAP_TOP};
    unsigned kinds = 0;
    for (unsigned kind = 0; kind < TOUCH_KINDS; kind++) {
        for (size_t i = 0; i < report->touch_count && map.column[kind] == 0; i++) {
            if ((unsigned)report->touches[i].kind == kind) {
                map.column[kind] = MAP_COLUMNS_X + MAP_COLUMN * kinds++;
            }
        }
    }
    bool by_sector;
    double height = map_height(report, &by_sector);
    double legend = height + 16;
    (void)fprintf(out,
                  "<section aria-labelledby=\"memory\"><h2 id=\"memory\">Memory</h2>\n"
                  "<svg class=\"map\" viewBox=\"0 0 %d %.0f\" role=\"img\" "
                  "aria-label=\"Sectors and what happened to them\">\n",
                  MAP_WIDTH, legend + 12 + 18 * ((kinds + 2) / 3));
    for (size_t i = 0; i < report->area_count; i++) {
        if (!is_drawn_before(report, i)) {
            draw_area(&map, &report->areas[i], by_sector);
        }
    }
    (void)fprintf(out, "<text class=\"dim\" x=\"4\" y=\"%.0f\">r read, e erase, w write</text>\n",
                  legend);
    unsigned shown = 0;
    for (unsigned kind = 0; kind < TOUCH_KINDS; kind++) {
        if (map.column[kind] != 0) {
            double x = 4 + 118.0 * (shown % 3);
            double y = legend + 8 + 18.0 * (shown / 3);
            const char *word = report_touch_word((enum report_touch_kind)kind);
            (void)fprintf(out,
                          "<rect class=\"%s\" x=\"%.0f\" y=\"%.0f\" width=\"12\" height=\"12\"/>"
                          "<text x=\"%.0f\" y=\"%.0f\">%s</text>\n",
                          word, x, y, x + 18, y + 10, word);
            shown++;
        }
    }
    (void)fputs("</svg>\n</section>\n", out);
}

// -- Time line: requests above, the state below, evidence across

#define LINE_WIDTH 800
#define LINE_X     148.0
#define LINE_END   790.0
#define LANE       22.0
#define LANES_Y    52.0
#define STATES     16u // 0 to 10, and what ST's class answers beyond

struct line {
    const struct report *report;
    FILE *out;
    double us;           // the whole length
    double lane[STATES]; // y of a state's lane; 0: not seen
    double bottom;
};

static double at_x(const struct line *line, double us) {
    return LINE_X + (LINE_END - LINE_X) * us / line->us;
}

static unsigned lane_of(int state) {
    return (unsigned)state < STATES ? (unsigned)state : STATES - 1;
}

static void measure(struct line *line) {
    const struct report *report = line->report;
    bool seen[STATES] = {false};
    line->us = 1;
    for (size_t i = 0; i < report->request_count; i++) {
        const struct report_request *request = &report->requests[i];
        double end = (double)request->at_us + (double)request->duration_us;
        line->us = end > line->us ? end : line->us;
        if (request->state >= 0) {
            seen[lane_of(request->state)] = true;
        }
    }
    for (size_t i = 0; i < report->finding_count; i++) {
        const struct report_finding *entry = &report->findings[i];
        for (unsigned k = 0; k < entry->evidence_count; k++) {
            uint64_t at = entry->evidence[k].at_us;
            line->us = at != REPORT_NO_TIME && (double)at > line->us ? (double)at : line->us;
        }
    }
    double y = LANES_Y;
    for (unsigned state = 0; state < STATES; state++) {
        if (seen[state]) {
            line->lane[state] = y + LANE / 2;
            y += LANE;
        }
    }
    line->bottom = y;
}

static void draw_lanes(const struct line *line) {
    (void)fputs("<text x=\"4\" y=\"35\">requests</text>\n", line->out);
    for (unsigned state = 0; state < STATES; state++) {
        if (line->lane[state] != 0) {
            (void)fprintf(line->out,
                          "<line class=\"grid\" x1=\"%.0f\" x2=\"%.0f\" y1=\"%.1f\" y2=\"%.1f\"/>"
                          "<text x=\"4\" y=\"%.1f\">",
                          LINE_X, LINE_END, line->lane[state], line->lane[state],
                          line->lane[state] + 4);
            page_text(line->out, state == STATES - 1 ? "not of DFU" : dfu_state_name(state));
            (void)fputs("</text>\n", line->out);
        }
    }
}

static void draw_axis(const struct line *line) {
    double seconds = line->us / 1e6;
    double step = 1e-6;
    for (unsigned i = 0; seconds / step > 8; i++) {
        static const double factors[] = {2, 2.5, 2}; // 1, 2, 5, 10
        step *= factors[i % 3];
    }
    for (double at = 0; at <= seconds * 1.0001; at += step) {
        double x = at_x(line, at * 1e6);
        (void)fprintf(line->out,
                      "<line class=\"grid\" x1=\"%.1f\" x2=\"%.1f\" y1=\"18\" y2=\"%.1f\"/>"
                      "<text class=\"dim\" x=\"%.1f\" y=\"12\" text-anchor=\"%s\">%g s</text>\n",
                      x, x, line->bottom, x,
                      at == 0             ? "start"
                      : x > LINE_END - 30 ? "end"
                                          : "middle",
                      at);
    }
}

// Those that follow each other closer than can be seen are left out, but for refusals.
static void draw_requests(const struct line *line) {
    double drawn_to = 0;
    for (size_t i = 0; i < line->report->request_count; i++) {
        const struct report_request *request = &line->report->requests[i];
        double x = at_x(line, (double)request->at_us);
        double width = at_x(line, (double)request->at_us + (double)request->duration_us) - x;
        width = width < 1 ? 1 : width;
        if (request->result == REPORT_OK && x + width < drawn_to + 0.5) {
            continue;
        }
        drawn_to = x + width;
        (void)fprintf(line->out,
                      "<rect class=\"%s\" x=\"%.1f\" y=\"24\" width=\"%.1f\" height=\"14\"/>\n",
                      report_result_word(request->result), x, width);
    }
}

static void draw_states(const struct line *line) {
    int last = -1;
    for (size_t i = 0; i < line->report->request_count; i++) {
        const struct report_request *request = &line->report->requests[i];
        if (request->state < 0 || request->state == last) {
            continue;
        }
        double x = at_x(line, (double)request->at_us + (double)request->duration_us);
        if (last < 0) {
            (void)fprintf(line->out, "<path class=\"step\" d=\"M%.1f %.1f", x,
                          line->lane[lane_of(request->state)]);
        } else {
            (void)fprintf(line->out, "H%.1fV%.1f", x, line->lane[lane_of(request->state)]);
        }
        last = request->state;
    }
    if (last >= 0) {
        (void)fprintf(line->out, "H%.1f\"/>\n", LINE_END);
    }
}

static void draw_evidence(const struct line *line) {
    for (size_t i = 0; i < line->report->finding_count; i++) {
        const struct report_finding *entry = &line->report->findings[i];
        uint64_t at = entry->evidence_count != 0 ? entry->evidence[0].at_us : REPORT_NO_TIME;
        if (at == REPORT_NO_TIME) {
            continue;
        }
        double x = at_x(line, (double)at);
        (void)fprintf(line->out,
                      "<line class=\"mark\" x1=\"%.1f\" x2=\"%.1f\" y1=\"18\" y2=\"%.1f\"/>"
                      "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">%s</text>\n",
                      x, x, line->bottom + 4, x, line->bottom + 18 + 14.0 * (double)(i % 3),
                      x > LINE_END - 30 ? "end" : "middle", entry->finding->id);
    }
}

void page_draw_time_line(const struct report *report, FILE *out) {
    if (report->request_count == 0) {
        return;
    }
    struct line line = {.report = report, .out = out};
    measure(&line);
    (void)fprintf(out,
                  "<section aria-labelledby=\"time\"><h2 id=\"time\">Time line</h2>\n"
                  "<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-labelledby=\"time\">\n"
                  "<svg class=\"time\" viewBox=\"0 0 %d %.0f\" role=\"img\" "
                  "aria-label=\"Requests and DFU states over time\">\n",
                  LINE_WIDTH, line.bottom + 54);
    draw_axis(&line);
    draw_lanes(&line);
    draw_requests(&line);
    draw_states(&line);
    draw_evidence(&line);
    (void)fputs("</svg></div>\n"
                "<p class=\"tags\">Requests: red was refused, amber was not answered in time, "
                "magenta: the device "
                "was gone. Below: the DFU state that the device told.</p>\n</section>\n",
                out);
}
