// SPDX-License-Identifier: MIT
//
// Looks at the stack pointer now and then.

#include "vboard/observe/stack.h"

#include <inttypes.h>
#include <stdlib.h>

struct stack {
    struct chip *chip;
    struct cpu *cpu;
    const struct loads *loads;
    struct timeline *timeline;
    struct trace *trace;
    struct event event;
};

static void complain(const struct stack *stack, const char *what, const char *where, uint32_t sp,
                     const struct image_symbol *data) {
    uint32_t pc = cpu_register(stack->cpu, 15);
    uint32_t offset = 0;
    const char *name = loads_symbol((void *)(uintptr_t)stack->loads, pc, &offset);
    if (data) {
        trace_complaint(stack->trace, what, data->name,
                        "the stack pointer is 0x%08" PRIx32 " at 0x%08" PRIx32 " (%.60s+0x%" PRIx32
                        "), inside %.60s (0x%08" PRIx32 ", %" PRIu32
                        " bytes), which it writes over",
                        sp, pc, name ? name : "?", offset, data->name, data->addr, data->size);
    } else {
        trace_complaint(stack->trace, what, name ? name : "",
                        "the stack pointer is 0x%08" PRIx32 " at 0x%08" PRIx32 " (%.60s+0x%" PRIx32
                        "): %s",
                        sp, pc, name ? name : "?", offset, where);
    }
}

// The image whose code is running.
static const struct image *running(const struct stack *stack) {
    uint32_t pc = cpu_register(stack->cpu, 15);
    for (size_t i = 0; i < stack->loads->count; i++) {
        const struct image_symbol *symbol = image_symbol_at(&stack->loads->images[i], pc);
        if (symbol && symbol->kind != IMAGE_OBJECT) {
            return &stack->loads->images[i];
        }
    }
    return NULL;
}

void stack_look(struct stack *stack) {
    if (!chip_is_running(stack->chip) || cpu_is_locked_up(stack->cpu) ||
        cpu_is_on_process_stack(stack->cpu)) {
        return;
    }
    uint32_t sp = cpu_register(stack->cpu, 13);
    if (!chip_has_memory(stack->chip, sp - 4, 4) && !chip_has_memory(stack->chip, sp, 4)) {
        complain(stack, "stack-outside-memory", "no memory is there", sp, NULL);
        return;
    }
    const struct image *image = running(stack);
    const struct image_symbol *data = image ? image_symbol_at(image, sp) : NULL;
    uint32_t top = 0;
    (void)cpu_peek(stack->cpu, cpu_vtor(stack->cpu), 4, &top);
    if (data && data->kind == IMAGE_OBJECT && top - 4 - data->addr >= data->size) {
        complain(stack, "stack-into-data", "", sp, data);
    }
}

static void now_and_then(void *ctx) {
    struct stack *stack = ctx;
    stack_look(stack);
    timeline_schedule(stack->timeline, &stack->event,
                      timeline_now(stack->timeline) + STACK_LOOK_PS);
}

struct stack *stack_new(struct chip *chip, const struct loads *loads, struct timeline *timeline,
                        struct trace *trace) {
    struct stack *stack = calloc(1, sizeof *stack);
    if (!stack) {
        return NULL;
    }
    *stack = (struct stack){.chip = chip,
                            .cpu = chip_cpu(chip),
                            .loads = loads,
                            .timeline = timeline,
                            .trace = trace,
                            .event = {.fire = now_and_then, .ctx = stack}};
    timeline_schedule(timeline, &stack->event, timeline_now(timeline) + STACK_LOOK_PS);
    return stack;
}

void stack_free(struct stack *stack) {
    if (stack) {
        timeline_cancel(stack->timeline, &stack->event);
        free(stack);
    }
}
