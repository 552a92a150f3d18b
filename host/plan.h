// SPDX-License-Identifier: MIT
//
// How a plan is made and changed, for the files that do so.

#ifndef HOST_PLAN_H
#define HOST_PLAN_H

#include "host/redfu_plan.h"

static inline uint64_t segment_end(const struct redfu_segment *segment) {
    return segment->addr + (uint64_t)segment->len;
}

// Every sector a segment touches must allow what `can` asks for; segments must be in order.
enum redfu_result redfui_check_segment(const struct redfu_layout *layout,
                                       const struct redfu_segment *segment, uint8_t can,
                                       struct redfu_fault *fault);
enum redfu_result redfui_check_order(const struct redfu_segment *segments, size_t count,
                                     struct redfu_fault *fault);

// An initial stack pointer: in RAM, or at its end.
bool redfui_is_stack_pointer(uint32_t word);

// Fills `out` with what [addr, addr + len) will hold: the image's bytes, else 0xFF. Whether the image says
// anything of it.
bool redfui_plan_fill(const struct redfu_plan *plan, uint32_t addr, uint32_t len, uint8_t *out);
// The next stretch of the image at or after `addr`, below `end`; false if there is none.
bool redfui_plan_next(const struct redfu_plan *plan, uint64_t addr, uint64_t end,
                      struct redfu_segment *stretch);
// Takes the sectors out for which is_same[i], and their bytes. False without memory.
bool redfui_plan_drop(struct redfu_plan *plan, const bool *is_same);
// A sector's bytes, all of them, instead of what the image has there; the plan owns them then. False without
// memory, with nothing changed.
bool redfui_plan_replace(struct redfu_plan *plan, const struct redfu_sector *sector,
                         uint8_t *bytes);
// A stretch of them that was kept.
bool redfui_plan_keep(struct redfu_plan *plan, uint32_t addr, uint32_t len, const uint8_t *bytes);
// Runs: the whole image.
bool redfui_plan_runs(struct redfu_plan *plan);

#endif
