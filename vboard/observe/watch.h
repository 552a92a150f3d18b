// SPDX-License-Identifier: MIT
//
// `--watch SYMBOL`: how often the firmware called a function, when, and how long it was inside.
//
// A call begins when the processor is about to execute the instruction at the function's address,
// and ends when it comes back to where LR pointed then, with the stack pointer as it was then; an
// interrupt handler's call ends with its exception return. From this follows:
//
//   tail calls      A function entered by a jump counts. One that ends by jumping to another is
//                   inside until that one returns.
//   recursion       Each level is a call; the time in all counts the outermost only.
//   loops           Coming back to the first instruction with SP and LR as they are already is a loop of
//                   a function without a prologue (or a tail call of itself), not another call.
//   interrupts      Their time counts for the function they interrupt.
//   several stacks  Calls are told apart by their stack pointers, so tasks do not disturb each other.
//   longjmp         A call whose place on the stack another call of a watched function takes over
//                   never returned: it is counted, and its time is not. Called again from the very
//                   same place after a longjmp, it looks like a loop and counts once.
//   reset           Ends all calls; the time until then counts.
//
// Inlined copies have no address and are not seen. The address is the one the code runs at, so
// functions copied to SRAM are seen there. Time is virtual; nothing of this takes any.

#ifndef VBOARD_OBSERVE_WATCH_H
#define VBOARD_OBSERVE_WATCH_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "vboard/chip/chip.h"
#include "vboard/loads.h"

struct watch;

// Finds the functions among the loads' symbols and marks them. NULL with a sentence in `why` where
// a name is none, or out of memory. All pointers stay the caller's and valid.
struct watch *watch_new(const struct options *options, const struct loads *loads, struct chip *chip,
                        const struct timeline *timeline, char why[512]);
void watch_free(struct watch *watch);

// From the chip's observer.
void watch_marked(struct watch *watch, uint32_t addr);
void watch_exception_left(struct watch *watch);
void watch_reset(struct watch *watch);
// The board went back to an earlier instant: open calls are counted as not returned.
void watch_restored(struct watch *watch);

// One line a function, each begun with `prefix`; and the same as `cpu watch` lines in the trace.
// `to` and `trace` may be NULL.
void watch_say(const struct watch *watch, FILE *to, const char *prefix, struct trace *trace);

#endif
