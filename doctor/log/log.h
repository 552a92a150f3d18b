// SPDX-License-Identifier: MIT
//
// A session that somebody else's program had, read from what is left of it: STM32CubeProgrammer's console and its logs
// of any verbosity, dfu-util's output (-v and more), Linux' kernel log, and captures of the wire (capture/reader.h). What it is is found
// by its content, not by its name.
//
// Into the report come the tool and its version, the device as the log names it, the requests and touched memory as
// far as the log tells, the step that failed (fact "session", "step that failed"), and what is known about that as
// findings, each with the line or the packet as evidence. A log shows less than a device: a cause that it only fits
// is POSSIBLE.

#ifndef DOCTOR_LOG_LOG_H
#define DOCTOR_LOG_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "doctor/report.h"

#define LOG_WHY_MAX   240u
#define LOG_BYTES_MAX (256u << 20) // a day of captured loads

// False, with half a sentence in `why`, if it is nothing of the kind; the report is as it was, then. A capture that
// is broken further on is examined up to there, and the report is incomplete.
bool log_examine(const uint8_t *bytes, size_t len, struct report *report, char why[LOG_WHY_MAX]);

#endif
