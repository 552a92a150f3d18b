// SPDX-License-Identifier: MIT
//
// Results, phases and faults as words.

#include "host/fault.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "spec/dfu.h"

const char *redfu_result_text(enum redfu_result result) {
    switch (result) {
#define X(name, number, text)                                                                      \
    case name:                                                                                     \
        return text;
        REDFU_RESULTS(X)
#undef X
    default:
        return "?";
    }
}

const char *redfu_phase_text(enum redfu_phase phase) {
    switch (phase) {
#define X(name, text)                                                                              \
    case name:                                                                                     \
        return text;
        REDFU_PHASES(X)
#undef X
    default:
        return "?";
    }
}

const char *redfu_state_text(unsigned state) {
    return dfu_state_name(state);
}

const char *redfu_status_text(unsigned status) {
    return dfu_status_name(status);
}

enum redfu_result redfui_fail(struct redfu_fault *fault, enum redfu_result result,
                              const char *format, ...) {
    memset(fault, 0, sizeof *fault);
    fault->result = result;
    va_list args;
    va_start(args, format);
    (void)vsnprintf(fault->text, sizeof fault->text, format, args);
    va_end(args);
    return result;
}

enum redfu_result redfui_advise(struct redfu_fault *fault, const char *format, ...) {
    va_list args;
    va_start(args, format);
    (void)vsnprintf(fault->advice, sizeof fault->advice, format, args);
    va_end(args);
    return fault->result;
}

enum redfu_result redfui_at(struct redfu_fault *fault, uint32_t addr) {
    fault->has_addr = true;
    fault->addr = addr;
    return fault->result;
}

enum redfu_result redfui_no_memory(struct redfu_fault *fault) {
    return redfui_fail(fault, REDFU_INTERNAL, "out of memory");
}
