// SPDX-License-Identifier: MIT
//
// Decides how a trace line and a complaint look, and which complaints a person sees. What is worth
// a line is decided where it happens.

#include "vboard/trace.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

struct trace_word {
    char *what;
    unsigned long count;
};

static const char *const source_names[] = {
    [TRACE_USB] = "usb", [TRACE_FLASH] = "flash", [TRACE_RESET] = "reset",
    [TRACE_PIN] = "pin", [TRACE_CPU] = "cpu",     [TRACE_COMPLAINT] = "complaint",
};

static void start_line(const struct trace *trace, enum trace_source source, const char *event) {
    uint64_t ns = timeline_now(trace->timeline) / PS_PER_NS;

    fprintf(trace->file, "%" PRIu64 ".%03u %s %s", ns / 1000, (unsigned)(ns % 1000),
            source_names[source], event);
    if (trace->board) {
        fprintf(trace->file, " board=%s", trace->board);
    }
}

static void write_quoted(FILE *file, const char *text) {
    fputc('"', file);
    for (; *text; text++) {
        if (*text == '\n') {
            fputs("\\n", file);
            continue;
        }
        if (*text == '"' || *text == '\\') {
            fputc('\\', file);
        }
        fputc(*text, file);
    }
    fputc('"', file);
}

static void *grown(void *array, size_t count, size_t size) {
    void *more = realloc(array, (count + 1) * size);

    if (!more) {
        fputs("vboard: out of memory for complaints\n", stderr);
        abort();
    }
    return more;
}

static char *kept(const char *text) {
    char *copy = strdup(text);

    if (!copy) {
        fputs("vboard: out of memory for complaints\n", stderr);
        abort();
    }
    return copy;
}

static struct trace_word *find_word(const struct trace *trace, const char *what) {
    for (size_t i = 0; i < trace->word_count; i++) {
        if (strcmp(trace->words[i].what, what) == 0) {
            return &trace->words[i];
        }
    }
    return NULL;
}

static unsigned long count_word(struct trace *trace, const char *what) {
    struct trace_word *word = find_word(trace, what);

    if (!word) {
        trace->words = grown(trace->words, trace->word_count, sizeof(*trace->words));
        word = &trace->words[trace->word_count++];
        word->what = kept(what);
        word->count = 0;
    }
    return ++word->count;
}

static bool is_new(struct trace *trace, const char *what, const char *key) {
    char name[256];

    snprintf(name, sizeof(name), "%s %s", what, key);
    for (size_t i = 0; i < trace->seen_count; i++) {
        if (strcmp(trace->seen[i], name) == 0) {
            return false;
        }
    }
    trace->seen = grown(trace->seen, trace->seen_count, sizeof(*trace->seen));
    trace->seen[trace->seen_count++] = kept(name);
    return true;
}

void trace_init(struct trace *trace, const struct timeline *timeline) {
    memset(trace, 0, sizeof(*trace));
    trace->timeline = timeline;
}

void trace_free(struct trace *trace) {
    for (size_t i = 0; i < trace->seen_count; i++) {
        free(trace->seen[i]);
    }
    for (size_t i = 0; i < trace->word_count; i++) {
        free(trace->words[i].what);
    }
    free(trace->seen);
    free(trace->words);
    memset(trace, 0, sizeof(*trace));
}

void trace_event(struct trace *trace, enum trace_source source, const char *event,
                 const char *format, ...) {
    va_list args;

    if (!trace->file) {
        return;
    }
    start_line(trace, source, event);
    if (format[0]) {
        fputc(' ', trace->file);
        va_start(args, format);
        vfprintf(trace->file, format, args);
        va_end(args);
    }
    fputc('\n', trace->file);
}

void trace_complaint(struct trace *trace, const char *what, const char *key,
                     const char *sentence_format, ...) {
    unsigned long count = count_word(trace, what);
    bool fresh = is_new(trace, what, key);
    char sentence[512];
    va_list args;

    trace->complaint_count++;
    va_start(args, sentence_format);
    vsnprintf(sentence, sizeof(sentence), sentence_format, args);
    va_end(args);

    if (trace->file && count <= TRACE_COMPLAINTS_A_WORD) {
        start_line(trace, TRACE_COMPLAINT, what);
        fputs(" text=", trace->file);
        write_quoted(trace->file, sentence);
        fputc('\n', trace->file);
    } else if (trace->file && count == TRACE_COMPLAINTS_A_WORD + 1) {
        start_line(trace, TRACE_COMPLAINT, what);
        fputs(" text=\"further ones of this word are left out\"\n", trace->file);
    }
    if (trace->complaints && fresh) {
        fprintf(trace->complaints, "vboard: %s%s%s: %s\n", trace->board ? trace->board : "",
                trace->board ? ": " : "", what, sentence);
    }
}

unsigned long trace_complaints(const struct trace *trace, const char *what) {
    if (!what) {
        return trace->complaint_count;
    }
    const struct trace_word *word = find_word(trace, what);
    return word ? word->count : 0;
}
