// SPDX-License-Identifier: MIT
//
// Filling in a fault. Each function returns the result it was given, so that a refusal is one line.

#ifndef HOST_FAULT_H
#define HOST_FAULT_H

#include "host/redfu.h"

// Clears the fault, then sets result and text.
enum redfu_result redfui_fail(struct redfu_fault *fault, enum redfu_result result,
                              const char *format, ...) __attribute__((format(printf, 3, 4)));
// Adds to an already failed fault; returns its result.
enum redfu_result redfui_advise(struct redfu_fault *fault, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
enum redfu_result redfui_at(struct redfu_fault *fault, uint32_t addr);
enum redfu_result redfui_no_memory(struct redfu_fault *fault);

#endif
