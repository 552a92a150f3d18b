// SPDX-License-Identifier: MIT

#include "bench/plot.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOADS_MAX    512u
#define SERIES_MAX   16u
#define POINTS_MAX   16u

// A drawing's measures, in pixels as it is shown.
#define WIDTH        860
#define FONT_PX      13
#define LABEL_GAP_PX 17 // from one line of writing to the next

const char plot_usage[] = "usage: script/bench plot FOLDER [FILE]\n"
                          "\n"
                          "Draws what script/bench load measured (its lines of JSON, "
                          "build/load/load.jsonl if no FILE is given) into\n"
                          "FOLDER: load-time.svg, time against size, and load-split.svg, where the "
                          "time went. Exit status: 0 both are\n"
                          "drawn, 2 they could not be.\n";

struct load {
    char bootloader[64], program[32], change[16];
    double kb, ms, flash_ms;
    double erase_ms, program_ms, transfer_ms, controller_ms, sleep_ms;
};

static struct load loads[LOADS_MAX];
static size_t load_count;

// --- reading ---------------------------------------------------------------------------------------------------------

static void take_text(struct json_object *line, const char *name, char *to, size_t room) {
    struct json_object *value;
    (void)snprintf(to, room, "%s",
                   json_object_object_get_ex(line, name, &value) ? json_object_get_string(value)
                                                                 : "");
}

static double take_number(struct json_object *line, const char *name) {
    struct json_object *value;
    return json_object_object_get_ex(line, name, &value) ? json_object_get_double(value) : 0;
}

// A load that did not come to its end has no time and is not drawn.
static bool take_load(struct json_object *line) {
    struct json_object *trouble;
    if (json_object_object_get_ex(line, "trouble", &trouble)) {
        return true;
    }
    if (load_count == LOADS_MAX) {
        return false;
    }
    struct load *load = &loads[load_count++];
    take_text(line, "bootloader", load->bootloader, sizeof load->bootloader);
    take_text(line, "program", load->program, sizeof load->program);
    take_text(line, "change", load->change, sizeof load->change);
    load->kb = take_number(line, "bytes") / 1024;
    load->ms = take_number(line, "ms");
    load->flash_ms = take_number(line, "flash_ms");
    load->erase_ms = take_number(line, "erase_ms");
    load->program_ms = take_number(line, "program_ms");
    load->transfer_ms = take_number(line, "transfer_ms");
    load->controller_ms = take_number(line, "controller_ms");
    load->sleep_ms = take_number(line, "sleep_ms");
    return load->kb > 0 && load->ms > 0;
}

static bool read_loads(const char *name) {
    FILE *file = fopen(name, "re");
    if (!file) {
        (void)fprintf(stderr, "bench: %s: %s\n", name, strerror(errno));
        return false;
    }
    char text[4096];
    bool is_right = true;
    load_count = 0;
    for (unsigned number = 1; is_right && fgets(text, sizeof text, file); number++) {
        struct json_object *line = json_tokener_parse(text);
        is_right = line && take_load(line);
        (void)json_object_put(line);
        if (!is_right) {
            (void)fprintf(stderr, "bench: %s:%u: this is no line of script/bench load\n", name,
                          number);
        }
    }
    (void)fclose(file);
    if (is_right && load_count == 0) {
        (void)fprintf(stderr, "bench: %s: there is no load in it\n", name);
    }
    return is_right && load_count != 0;
}

// --- writing ---------------------------------------------------------------------------------------------------------

// Colours that can be told apart with any kind of sight (Okabe and Ito), a little lighter on dark.
static const char *const light_colours[] = {"#0072b2", "#d55e00", "#009e73", "#aa4499", "#8a6d00",
                                            "#56718f", "#7a3b00", "#005f45", "#661155", "#333399"};
static const char *const dark_colours[] = {"#56b4e9", "#ff9a4d", "#3ddcad", "#e39bd8", "#f0e442",
                                           "#a9c4e4", "#d9a066", "#7fe0c0", "#d088c0", "#a0a0ff"};
#define COLOURS (sizeof light_colours / sizeof *light_colours)

static FILE *begin(const char *folder, const char *name, int height, const char *title) {
    char path[1024];
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *out = fopen(path, "we");
    if (!out) {
        (void)fprintf(stderr, "bench: %s: %s\n", path, strerror(errno));
        return NULL;
    }
    (void)fprintf(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" "
        "height=\"%d\" "
        "role=\"img\">\n<!-- SPDX-License-Identifier: MIT; drawn by script/bench plot -->\n"
        "<title>%s</title>\n<style>\n"
        "text { font: %dpx sans-serif; fill: #1f2328; }\n"
        ".title { font-size: 16px; font-weight: bold; }\n"
        ".page { fill: #ffffff; }\n.grid { stroke: #d0d7de; stroke-width: 1; }\n"
        ".flash { stroke: #1f2328; stroke-width: 2; stroke-dasharray: 6 4; fill: none; }\n"
        ".end { text-anchor: end; }\n.middle { text-anchor: middle; }\n",
        WIDTH, height, WIDTH, height, title, FONT_PX);
    for (size_t i = 0; i < COLOURS; i++) {
        (void)fprintf(out,
                      ".l%zu { stroke: %s; stroke-width: 2; fill: none; } .f%zu { fill: %s; }\n", i,
                      light_colours[i], i, light_colours[i]);
    }
    (void)fputs(
        "@media (prefers-color-scheme: dark) {\ntext { fill: #e6edf3; }\n"
        ".page { fill: #0d1117; }\n.grid { stroke: #3d444d; }\n.flash { stroke: #e6edf3; }\n",
        out);
    for (size_t i = 0; i < COLOURS; i++) {
        (void)fprintf(out, ".l%zu { stroke: %s; } .f%zu { fill: %s; }\n", i, dark_colours[i], i,
                      dark_colours[i]);
    }
    (void)fprintf(out,
                  "}\n</style>\n<rect class=\"page\" width=\"%d\" height=\"%d\"/>\n"
                  "<text class=\"title\" x=\"20\" y=\"28\">%s</text>\n",
                  WIDTH, height, title);
    return out;
}

static bool finish(FILE *out, const char *name) {
    (void)fputs("</svg>\n", out);
    if (fclose(out) != 0) {
        (void)fprintf(stderr, "bench: %s: %s\n", name, strerror(errno));
        return false;
    }
    return true;
}

// Text with what XML would take for its own.
static void put_escaped(FILE *out, const char *text) {
    for (; *text; text++) {
        switch (*text) {
        case '&':
            (void)fputs("&amp;", out);
            break;
        case '<':
            (void)fputs("&lt;", out);
            break;
        case '>':
            (void)fputs("&gt;", out);
            break;
        default:
            (void)fputc(*text, out);
        }
    }
}

static void __attribute__((format(printf, 5, 6)))
write_at(FILE *out, const char *class, double x, double y, const char *format, ...) {
    char text[256];
    va_list list;
    va_start(list, format);
    (void)vsnprintf(text, sizeof text, format, list);
    va_end(list);
    (void)fprintf(out, "<text class=\"%s\" x=\"%.1f\" y=\"%.1f\">", class, x, y);
    put_escaped(out, text);
    (void)fputs("</text>\n", out);
}

// The next of 1, 2, 5, 10, 20, 50 ... that divides `most` into at most `parts`.
static double step_for(double most, int parts) {
    static const double steps[] = {1, 2, 5};
    for (double ten = 0.001;; ten *= 10) {
        for (size_t i = 0; i < 3; i++) {
            if (most / (steps[i] * ten) <= parts) {
                return steps[i] * ten;
            }
        }
    }
}

// --- time against size -------------------------------------------------------------------------------------------

struct point {
    double kb, seconds;
};

struct series {
    char name[128];
    struct point points[POINTS_MAX];
    unsigned count;
    bool is_flash;
    double label_y;
};

static struct series all_series[SERIES_MAX];
static unsigned series_count;

static void add_point(const char *name, bool is_flash, double kb, double ms) {
    struct series *series = NULL;
    for (unsigned i = 0; i < series_count && !series; i++) {
        series = strcmp(all_series[i].name, name) == 0 ? &all_series[i] : NULL;
    }
    if (!series) {
        if (series_count == SERIES_MAX) {
            return;
        }
        series = &all_series[series_count++];
        *series = (struct series){.is_flash = is_flash};
        (void)snprintf(series->name, sizeof series->name, "%s", name);
    }
    for (unsigned i = 0; i < series->count; i++) {
        if (series->points[i].kb == kb) {
            return;
        }
    }
    if (series->count < POINTS_MAX) {
        series->points[series->count++] = (struct point){kb, ms / 1000};
    }
}

static int by_size(const void *a, const void *b) {
    double x = ((const struct point *)a)->kb, y = ((const struct point *)b)->kb;
    return (x > y) - (x < y);
}

static double last_seconds(const struct series *series) {
    return series->points[series->count - 1].seconds;
}

static int by_end(const void *a, const void *b) {
    double x = last_seconds(a), y = last_seconds(b);
    return (x < y) - (x > y);
}

// Full loads of all programs; where a program leaves out what is there already, what that gives.
static void gather_series(void) {
    series_count = 0;
    for (size_t i = 0; i < load_count; i++) {
        const struct load *load = &loads[i];
        char name[128];
        if (strcmp(load->change, "full") == 0) {
            (void)snprintf(name, sizeof name, "%.30s, %.20s", load->bootloader, load->program);
            add_point(name, false, load->kb, load->ms);
            // The same for every program; another bootloader's sectors may be others.
            if (strcmp(load->bootloader, loads[0].bootloader) == 0) {
                add_point("flash alone (redfu-boot's sectors)", true, load->kb, load->flash_ms);
            }
        } else if (strcmp(load->program, "redfu") == 0) {
            (void)snprintf(name, sizeof name, "%.30s, redfu, %s", load->bootloader,
                           strcmp(load->change, "unchanged") == 0 ? "nothing changed"
                                                                  : "200 bytes changed");
            add_point(name, false, load->kb, load->ms);
        }
    }
    for (unsigned i = 0; i < series_count; i++) {
        qsort(all_series[i].points, all_series[i].count, sizeof(struct point), by_size);
    }
    qsort(all_series, series_count, sizeof *all_series, by_end);
}

static bool draw_times(const char *folder) {
    const int left = 60, right = 480, top = 60, bottom = 440, height = 500;
    gather_series();
    double most_kb = 0, most_s = 0;
    for (unsigned i = 0; i < series_count; i++) {
        const struct series *series = &all_series[i];
        most_kb = series->points[series->count - 1].kb > most_kb
                      ? series->points[series->count - 1].kb
                      : most_kb;
        for (unsigned n = 0; n < series->count; n++) {
            most_s = series->points[n].seconds > most_s ? series->points[n].seconds : most_s;
        }
    }
    double step_s = step_for(most_s, 10), step_kb = step_for(most_kb, 6);
    double end_s = step_s * (double)(int)(most_s / step_s + 1), end_kb = most_kb * 1.02;
    FILE *out = begin(folder, "load-time.svg", height, "Time of a load against its size");
    if (!out) {
        return false;
    }
#define X(kb)      (left + (kb) / end_kb * (right - left))
#define Y(seconds) (bottom - (seconds) / end_s * (bottom - top))
    for (double s = 0; s <= end_s + step_s / 2; s += step_s) {
        (void)fprintf(out, "<path class=\"grid\" d=\"M%d %.1fH%d\"/>\n", left, Y(s), right);
        write_at(out, "end", left - 8, Y(s) + 4, "%g s", s);
    }
    for (double kb = 0; kb <= end_kb; kb += step_kb) {
        (void)fprintf(out, "<path class=\"grid\" d=\"M%.1f %dV%d\"/>\n", X(kb), bottom, bottom + 5);
        write_at(out, "middle", X(kb), bottom + 22, "%g KB", kb);
    }
    // Their names beside their ends, pushed apart where ends lie close together; all of them stay inside the page.
    double lowest = top - LABEL_GAP_PX;
    for (unsigned i = 0; i < series_count; i++) {
        double y = Y(last_seconds(&all_series[i]));
        all_series[i].label_y = y > lowest + LABEL_GAP_PX ? y : lowest + LABEL_GAP_PX;
        lowest = all_series[i].label_y;
    }
    lowest = bottom + LABEL_GAP_PX;
    for (unsigned i = series_count; i-- > 0;) {
        double highest = lowest - LABEL_GAP_PX;
        all_series[i].label_y = all_series[i].label_y < highest ? all_series[i].label_y : highest;
        lowest = all_series[i].label_y;
    }
    for (unsigned i = 0, colour = 0; i < series_count; i++) {
        const struct series *series = &all_series[i];
        const struct point *last = &series->points[series->count - 1];
        char class[16] = "flash";
        if (!series->is_flash) {
            (void)snprintf(class, sizeof class, "l%zu", colour++ % COLOURS);
        }
        (void)fprintf(out, "<path class=\"%s\" d=\"", class);
        for (unsigned n = 0; n < series->count; n++) {
            (void)fprintf(out, "%c%.1f %.1f", n ? 'L' : 'M', X(series->points[n].kb),
                          Y(series->points[n].seconds));
        }
        // On to the name.
        (void)fprintf(
            out, "\"/>\n<path class=\"%s\" style=\"stroke-width:1\" d=\"M%.1f %.1fL%d %.1f\"/>\n",
            class, X(last->kb), Y(last->seconds), right + 28, series->label_y);
        for (unsigned n = 0; !series->is_flash && n < series->count; n++) {
            (void)fprintf(out, "<circle class=\"f%s\" r=\"3\" cx=\"%.1f\" cy=\"%.1f\"/>\n",
                          class + 1, X(series->points[n].kb), Y(series->points[n].seconds));
        }
        write_at(out, "", right + 34, series->label_y + 4, "%.2f s  %s", last->seconds,
                 series->name);
    }
    write_at(out, "", 20, height - 14,
             "The board's time, typical flash times. All bytes changed, unless said otherwise.");
#undef X
#undef Y
    return finish(out, "load-time.svg");
}

// --- where the time goes --------------------------------------------------------------------------------------------

static bool draw_split(const char *folder) {
    static const char *const names[] = {"erasing", "programming",
                                        "transfers, and waiting for the device", "host controller",
                                        "host program's sleep"};
    const int left = 230, right = WIDTH - 90, bar = 22, pitch = 36, top = 96;
    double most_kb = 0, most_ms = 0;
    for (size_t i = 0; i < load_count; i++) {
        most_kb =
            strcmp(loads[i].change, "full") == 0 && loads[i].kb > most_kb ? loads[i].kb : most_kb;
    }
    // The largest size of each bootloader: another one may have less room.
    const struct load *shown[SERIES_MAX];
    unsigned count = 0;
    for (size_t i = 0; i < load_count && count < SERIES_MAX; i++) {
        bool is_largest = strcmp(loads[i].change, "full") == 0;
        for (size_t n = 0; n < load_count && is_largest; n++) {
            is_largest = strcmp(loads[n].change, "full") != 0 ||
                         strcmp(loads[n].bootloader, loads[i].bootloader) != 0 ||
                         strcmp(loads[n].program, loads[i].program) != 0 ||
                         loads[n].kb <= loads[i].kb;
        }
        if (is_largest) {
            shown[count++] = &loads[i];
            most_ms = loads[i].ms > most_ms ? loads[i].ms : most_ms;
        }
    }
    int height = top + (int)count * pitch + 70;
    FILE *out = begin(folder, "load-split.svg", height, "Where the time of a full load goes");
    if (!out) {
        return false;
    }
    double x = 20;
    for (size_t part = 0; part < 5; part++) {
        (void)fprintf(out,
                      "<rect class=\"f%zu\" x=\"%.1f\" y=\"50\" width=\"12\" height=\"12\"/>\n",
                      part, x);
        write_at(out, "", x + 18, 61, "%s", names[part]);
        // Letters of this font are 7 pixels wide at most, on average.
        x += 40 + 7 * (double)strlen(names[part]);
    }
    double step = step_for(most_ms / 1000, 8), end = most_ms / 1000;
    int bottom = top + (int)count * pitch;
    for (double s = 0; s <= end; s += step) {
        double at = left + s / end * (right - left);
        (void)fprintf(out, "<path class=\"grid\" d=\"M%.1f %dV%d\"/>\n", at, top - 10, bottom);
        write_at(out, "middle", at, bottom + 18, "%g s", s);
    }
    for (unsigned i = 0; i < count; i++) {
        const struct load *load = shown[i];
        const double parts[] = {load->erase_ms, load->program_ms, load->transfer_ms,
                                load->controller_ms, load->sleep_ms};
        double y = top + (double)i * pitch, from = left;
        write_at(out, "end", left - 10, y + 16, "%.20s, %.12s, %g KB", load->bootloader,
                 load->program, load->kb);
        for (size_t part = 0; part < 5; part++) {
            double width = parts[part] / most_ms * (right - left);
            (void)fprintf(
                out, "<rect class=\"f%zu\" x=\"%.2f\" y=\"%.1f\" width=\"%.2f\" height=\"%d\"/>\n",
                part, from, y, width, bar);
            from += width;
        }
        write_at(out, "", from + 8, y + 16, "%.2f s", load->ms / 1000);
    }
    write_at(out, "", 20, height - 14,
             "While flash works its time is flash's, whatever the host does. 0.25 ms a transfer.");
    return finish(out, "load-split.svg");
}

bool plot_write(const char *json_file, const char *folder) {
    return read_loads(json_file) && draw_times(folder) && draw_split(folder);
}
