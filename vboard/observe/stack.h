// SPDX-License-Identifier: MIT
//
// Whether the firmware's main stack is where a stack can be: a complaint where it has run into the
// program's own data (by the ELF file's symbols) or out of memory.
//
// It is looked at every STACK_LOOK_PS and at each exception, so a deep call shorter than that may
// pass unseen. Stacks of tasks (PSP) are not looked at. Data that holds the stack's beginning (the
// word the vector table gives for SP, less one) is the stack itself.

#ifndef VBOARD_OBSERVE_STACK_H
#define VBOARD_OBSERVE_STACK_H

#include "vboard/chip/chip.h"
#include "vboard/loads.h"

#define STACK_LOOK_PS (20 * PS_PER_US)

struct stack;

// NULL when memory is short. Pointers stay the caller's.
struct stack *stack_new(struct chip *chip, const struct loads *loads, struct timeline *timeline,
                        struct trace *trace);
void stack_free(struct stack *stack);
// From the chip's observer, at an exception's entry.
void stack_look(struct stack *stack);

#endif
