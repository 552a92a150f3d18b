// SPDX-License-Identifier: MIT
//
// Keeps the calls that are open and adds up those that ended. What a call is, watch.h says.

#include "vboard/observe/watch.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "vboard/observe/span.h"

#define EXC_RETURN_FIRST 0xF0000000u // ARM DDI 0403 B1.5.8
// Deeper recursion is counted; its returns are not seen.
#define CALLS_OPEN_MAX   4096u

struct function {
    const struct image_symbol *symbol;
    const char *file;
    bool is_ambiguous;    // several of this name: the address is shown
    unsigned alias_count; // other functions at this address
    const char *alias;    // one of them
    uint64_t calls, returned, lost, reset;
    unsigned open;
    uint64_t first_ps, last_ps, total_ps, longest_ps;
    uint64_t outermost_ps; // when the call began that is open
};

struct call {
    struct function *function;
    uint32_t sp, lr;
    uint64_t since_ps;
};

struct watch {
    struct cpu *cpu;
    const struct timeline *timeline;
    struct function *functions;
    size_t function_count;
    struct call calls[CALLS_OPEN_MAX];
    size_t call_count;
};

// --- names ----------------------------------------------------------------------------------------

static bool is_executable(const struct image_symbol *symbol) {
    return symbol->kind != IMAGE_OBJECT && symbol->addr < 0x40000000u; // code and SRAM, PM0214 2.2
}

static bool add(struct watch *watch, const struct image *image, const struct image_symbol *symbol,
                const char *file) {
    struct function *grown =
        realloc(watch->functions, (watch->function_count + 1) * sizeof *watch->functions);
    if (!grown) {
        return false;
    }
    watch->functions = grown;
    struct function *function = &grown[watch->function_count++];
    *function = (struct function){.symbol = symbol, .file = file};
    for (size_t i = 0; i < image->symbol_count; i++) {
        const struct image_symbol *other = &image->symbols[i];
        if (other != symbol && other->addr == symbol->addr && other->kind != IMAGE_OBJECT &&
            other->name[0] != '$') {
            function->alias_count++;
            function->alias = other->name;
        }
    }
    return true;
}

// The files that have symbols, in a sentence; false if none has.
static bool list_files(const struct options *options, const struct loads *loads, char *text,
                       size_t len) {
    text[0] = '\0';
    for (size_t i = 0; i < loads->count; i++) {
        if (loads->images[i].symbol_count > 0) {
            size_t used = strlen(text);
            (void)snprintf(text + used, len - used, "%s%.100s", used ? ", " : "",
                           options->loads[i].path);
        }
    }
    return text[0] != '\0';
}

static void refuse(const struct options *options, const struct loads *loads, const char *name,
                   bool is_data, char why[512]) {
    char files[220];
    if (!list_files(options, loads, files, sizeof files)) {
        (void)snprintf(
            why, 512,
            "--watch %.80s: no file with symbols is given; --load the firmware as an ELF "
            "file, or name it with --symbols beside what is loaded",
            name);
        return;
    }
    if (is_data) {
        (void)snprintf(why, 512, "--watch %.80s: in %s this is data, not a function", name, files);
        return;
    }
    struct image_near near = {0};
    for (size_t i = 0; i < loads->count; i++) {
        image_symbol_near(&loads->images[i], name, &near);
    }
    char names[160] = "it may have been inlined, or left out by the linker";
    for (size_t i = 0; i < near.count; i++) {
        size_t used = i == 0 ? 0 : strlen(names);
        (void)snprintf(names + used, sizeof names - used, "%s%.48s", i == 0 ? "there is " : ", ",
                       near.names[i]);
    }
    (void)snprintf(why, 512, "--watch %.80s: no such function in %s; %s", name, files, names);
}

static bool find(struct watch *watch, const struct options *options, const struct loads *loads,
                 const char *name, char why[512]) {
    size_t first = watch->function_count;
    bool is_data = false;
    for (size_t i = 0; i < loads->count; i++) {
        const struct image *image = &loads->images[i];
        for (size_t j = 0; j < image->symbol_count; j++) {
            const struct image_symbol *symbol = &image->symbols[j];
            if (!image_symbol_matches(symbol, name)) {
                continue;
            }
            if (!is_executable(symbol)) {
                is_data = true;
            } else if (!add(watch, image, symbol, options->loads[i].path)) {
                (void)snprintf(why, 512, "out of memory");
                return false;
            }
        }
    }
    for (size_t i = first; i < watch->function_count; i++) {
        watch->functions[i].is_ambiguous = watch->function_count - first > 1;
    }
    if (watch->function_count == first) {
        refuse(options, loads, name, is_data, why);
        return false;
    }
    return true;
}

struct watch *watch_new(const struct options *options, const struct loads *loads, struct chip *chip,
                        const struct timeline *timeline, char why[512]) {
    struct watch *watch = calloc(1, sizeof *watch);
    if (!watch) {
        (void)snprintf(why, 512, "out of memory");
        return NULL;
    }
    watch->cpu = chip_cpu(chip);
    watch->timeline = timeline;
    for (size_t i = 0; i < options->watch_count; i++) {
        if (!find(watch, options, loads, options->watches[i], why)) {
            watch_free(watch);
            return NULL;
        }
    }
    for (size_t i = 0; i < watch->function_count; i++) {
        cpu_mark(watch->cpu, watch->functions[i].symbol->addr);
    }
    return watch;
}

void watch_free(struct watch *watch) {
    if (watch) {
        free(watch->functions);
        free(watch);
    }
}

// --- calls ----------------------------------------------------------------------------------------

static bool is_exception_return(uint32_t lr) {
    return lr >= EXC_RETURN_FIRST;
}

// Takes a call off the list; the others keep their order.
static void take(struct watch *watch, size_t index) {
    const struct call *call = &watch->calls[index];
    if (!is_exception_return(call->lr)) {
        cpu_unmark(watch->cpu, call->lr & ~1u);
    }
    call->function->open--;
    watch->call_count--;
    memmove(&watch->calls[index], &watch->calls[index + 1],
            (watch->call_count - index) * sizeof watch->calls[0]);
}

// A call ended now, and was seen to.
static void end(struct watch *watch, size_t index) {
    struct function *function = watch->calls[index].function;
    uint64_t now = timeline_now(watch->timeline);
    uint64_t inside = now - watch->calls[index].since_ps;
    function->longest_ps = inside > function->longest_ps ? inside : function->longest_ps;
    take(watch, index);
    if (function->open == 0) {
        function->total_ps += now - function->outermost_ps;
    }
}

static void end_returned(struct watch *watch, uint32_t sp, bool is_exception, uint32_t addr) {
    for (size_t i = watch->call_count; i-- > 0;) {
        const struct call *call = &watch->calls[i];
        if (call->sp == sp && is_exception_return(call->lr) == is_exception &&
            (is_exception || (call->lr & ~1u) == addr)) {
            call->function->returned++;
            end(watch, i);
        }
    }
}

static bool is_loop(const struct watch *watch, const struct function *function, uint32_t sp,
                    uint32_t lr) {
    for (size_t i = 0; i < watch->call_count; i++) {
        const struct call *call = &watch->calls[i];
        if (call->function == function && call->sp == sp && call->lr == lr) {
            return true;
        }
    }
    return false;
}

static void begin(struct watch *watch, struct function *function, uint32_t sp, uint32_t lr) {
    uint64_t now = timeline_now(watch->timeline);
    if (is_loop(watch, function, sp, lr)) {
        return;
    }
    for (size_t i = watch->call_count; i-- > 0;) {
        // Nobody who is still inside leaves the stack to his callee as he found it.
        if (watch->calls[i].sp == sp && watch->calls[i].lr != lr) {
            watch->calls[i].function->lost++;
            take(watch, i);
        }
    }
    function->first_ps = function->calls == 0 ? now : function->first_ps;
    function->last_ps = now;
    function->calls++;
    if (watch->call_count == CALLS_OPEN_MAX) {
        function->lost++;
        return;
    }
    if (function->open++ == 0) {
        function->outermost_ps = now;
    }
    watch->calls[watch->call_count++] =
        (struct call){.function = function, .sp = sp, .lr = lr, .since_ps = now};
    if (!is_exception_return(lr)) {
        cpu_mark(watch->cpu, lr & ~1u);
    }
}

void watch_marked(struct watch *watch, uint32_t addr) {
    uint32_t sp = cpu_register(watch->cpu, 13);
    uint32_t lr = cpu_register(watch->cpu, 14);
    end_returned(watch, sp, false, addr);
    for (size_t i = 0; i < watch->function_count; i++) {
        if (watch->functions[i].symbol->addr == addr) {
            begin(watch, &watch->functions[i], sp, lr);
        }
    }
}

void watch_exception_left(struct watch *watch) {
    end_returned(watch, cpu_register(watch->cpu, 13), true, 0);
}

void watch_reset(struct watch *watch) {
    while (watch->call_count > 0) {
        watch->calls[watch->call_count - 1].function->reset++;
        end(watch, watch->call_count - 1);
    }
}

void watch_restored(struct watch *watch) {
    while (watch->call_count > 0) {
        watch->calls[watch->call_count - 1].function->lost++;
        take(watch, watch->call_count - 1);
    }
}

// --- words ----------------------------------------------------------------------------------------

static void say_times(const struct watch *watch, const struct function *function, FILE *to) {
    char text[SPAN_MAX];
    uint64_t now = timeline_now(watch->timeline);
    uint64_t total = function->total_ps + (function->open ? now - function->outermost_ps : 0);
    (void)fprintf(to, ", first at %s", span_text(function->first_ps, text));
    if (function->calls > 1) {
        (void)fprintf(to, ", last at %s", span_text(function->last_ps, text));
    }
    (void)fprintf(to, ", %s inside", span_text(total, text));
    if (function->returned > 1) {
        (void)fprintf(to, ", the longest %s", span_text(function->longest_ps, text));
    }
    if (function->open) {
        (void)fprintf(to, "; %u of them still inside at the end", function->open);
    }
    if (function->reset) {
        (void)fprintf(to, "; %" PRIu64 " ended by a reset", function->reset);
    }
    if (function->lost) {
        (void)fprintf(to, "; %" PRIu64 " without a return that was seen", function->lost);
    }
}

static void say_one(const struct watch *watch, const struct function *function, FILE *to,
                    const char *prefix) {
    (void)fprintf(to, "%s%s", prefix, function->symbol->name);
    if (function->is_ambiguous) {
        (void)fprintf(to, " (0x%08" PRIx32 ", %s)", function->symbol->addr, function->file);
    }
    (void)fprintf(to, ": %" PRIu64 " call%s", function->calls, function->calls == 1 ? "" : "s");
    if (function->calls > 0) {
        say_times(watch, function, to);
    }
    if (function->alias_count > 1) {
        (void)fprintf(to, " (the same code as %s and %u others)", function->alias,
                      function->alias_count - 1);
    } else if (function->alias_count > 0) {
        (void)fprintf(to, " (the same code as %s)", function->alias);
    }
    (void)fputc('\n', to);
}

static uint64_t microseconds(uint64_t ps) {
    return ps / PS_PER_US;
}

void watch_say(const struct watch *watch, FILE *to, const char *prefix, struct trace *trace) {
    for (size_t i = 0; i < watch->function_count; i++) {
        const struct function *function = &watch->functions[i];
        if (to) {
            say_one(watch, function, to, prefix);
        }
        if (trace) {
            trace_event(trace, TRACE_CPU, "watch",
                        "symbol=%s addr=0x%08" PRIx32 " calls=%" PRIu64 " open=%u first_us=%" PRIu64
                        " last_us=%" PRIu64 " total_us=%" PRIu64 " longest_us=%" PRIu64,
                        function->symbol->name, function->symbol->addr, function->calls,
                        function->open, microseconds(function->first_ps),
                        microseconds(function->last_ps), microseconds(function->total_ps),
                        microseconds(function->longest_ps));
        }
    }
}
