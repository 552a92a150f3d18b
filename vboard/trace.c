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
    [TRACE_USB] = "usb",     [TRACE_FLASH] = "flash",
    [TRACE_RESET] = "reset", [TRACE_PIN] = "pin",
    [TRACE_CPU] = "cpu",     [TRACE_BENCH] = "bench",
    [TRACE_UART] = "uart",   [TRACE_COMPLAINT] = "complaint",
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

// Counts a complaint; true if it is the first of its word and key.
static bool note(struct trace *trace, const char *what, const char *key, const char *sentence) {
    uint64_t now_ps = timeline_now(trace->timeline);

    for (size_t i = 0; i < trace->grievance_count; i++) {
        struct trace_grievance *known = &trace->grievances[i];
        if (strcmp(known->what, what) == 0 && strcmp(known->key, key) == 0) {
            trace->newest = i + 1;
            trace_repeat(trace, i + 1);
            return false;
        }
    }
    trace->grievances =
        grown(trace->grievances, trace->grievance_count, sizeof(*trace->grievances));
    trace->grievances[trace->grievance_count++] = (struct trace_grievance){
        .what = kept(what),
        .key = kept(key),
        .sentence = kept(sentence),
        .first_ps = now_ps,
        .last_ps = now_ps,
        .count = 1,
    };
    trace->newest = trace->grievance_count;
    return true;
}

void trace_init(struct trace *trace, const struct timeline *timeline) {
    memset(trace, 0, sizeof(*trace));
    trace->timeline = timeline;
}

static void free_lists(struct trace_grievance *grievances, size_t grievance_count,
                       struct trace_word *words, size_t word_count) {
    for (size_t i = 0; i < grievance_count; i++) {
        free(grievances[i].what);
        free(grievances[i].key);
        free(grievances[i].sentence);
    }
    for (size_t i = 0; i < word_count; i++) {
        free(words[i].what);
    }
    free(grievances);
    free(words);
}

void trace_free(struct trace *trace) {
    free_lists(trace->grievances, trace->grievance_count, trace->words, trace->word_count);
    memset(trace, 0, sizeof(*trace));
}

static struct trace_grievance *kept_grievances(const struct trace_grievance *grievances,
                                               size_t count) {
    struct trace_grievance *copy = NULL;
    for (size_t i = 0; i < count; i++) {
        copy = grown(copy, i, sizeof(*copy));
        copy[i] = grievances[i];
        copy[i].what = kept(grievances[i].what);
        copy[i].key = kept(grievances[i].key);
        copy[i].sentence = kept(grievances[i].sentence);
    }
    return copy;
}

static struct trace_word *kept_words(const struct trace_word *words, size_t count) {
    struct trace_word *copy = NULL;
    for (size_t i = 0; i < count; i++) {
        copy = grown(copy, i, sizeof(*copy));
        copy[i] = (struct trace_word){kept(words[i].what), words[i].count};
    }
    return copy;
}

void trace_mark(const struct trace *trace, struct trace_mark *mark) {
    *mark = (struct trace_mark){
        .grievances = kept_grievances(trace->grievances, trace->grievance_count),
        .grievance_count = trace->grievance_count,
        .words = kept_words(trace->words, trace->word_count),
        .word_count = trace->word_count,
        .complaint_count = trace->complaint_count,
    };
}

void trace_return(struct trace *trace, const struct trace_mark *mark) {
    if (trace->complaint_count == mark->complaint_count &&
        trace->grievance_count == mark->grievance_count) { // nothing new came in between, as a rule
        for (size_t i = 0; i < mark->grievance_count; i++) {
            trace->grievances[i].count = mark->grievances[i].count;
            trace->grievances[i].last_ps = mark->grievances[i].last_ps;
        }
        return;
    }
    free_lists(trace->grievances, trace->grievance_count, trace->words, trace->word_count);
    trace->grievances = kept_grievances(mark->grievances, mark->grievance_count);
    trace->grievance_count = mark->grievance_count;
    trace->words = kept_words(mark->words, mark->word_count);
    trace->word_count = mark->word_count;
    trace->complaint_count = mark->complaint_count;
}

void trace_mark_free(struct trace_mark *mark) {
    free_lists(mark->grievances, mark->grievance_count, mark->words, mark->word_count);
    *mark = (struct trace_mark){0};
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
    char sentence[512];
    va_list args;

    trace->complaint_count++;
    va_start(args, sentence_format);
    vsnprintf(sentence, sizeof(sentence), sentence_format, args);
    va_end(args);
    bool fresh = note(trace, what, key, sentence);

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

void trace_repeat(struct trace *trace, size_t grievance) {
    trace->grievances[grievance - 1].count++;
    trace->grievances[grievance - 1].last_ps = timeline_now(trace->timeline);
}

unsigned long trace_complaints(const struct trace *trace, const char *what) {
    if (!what) {
        return trace->complaint_count;
    }
    const struct trace_word *word = find_word(trace, what);
    return word ? word->count : 0;
}
