// SPDX-License-Identifier: MIT
//
// `--vcd FILE`: the levels of the chip's pins as a value change dump (IEEE 1364 clause 18), for GTKWave and its
// like. Times are virtual, in picoseconds from power-on.

#ifndef VBOARD_OBSERVE_VCD_H
#define VBOARD_OBSERVE_VCD_H

#include <stdbool.h>

#include "vboard/boards.h"
#include "vboard/chip/chip.h"
#include "vboard/timeline.h"

struct vcd;

// `path` "-" is standard output. Every pin of the chip is a wire, z from the beginning; those the board has a word
// for are called by it too ("PD12_green"). NULL with a sentence in `why`. The rest stays the caller's.
struct vcd *vcd_new(const char *path, const struct board *board, const struct chip *chip,
                    const struct timeline *timeline, char why[512]);
// From the chip's observer.
void vcd_pin(struct vcd *vcd, unsigned port, unsigned pin, int level);
// Writes how far the run came, and closes; false with a sentence in `why` if something could not be written.
bool vcd_end(struct vcd *vcd, char why[512]);
void vcd_free(struct vcd *vcd);

#endif
