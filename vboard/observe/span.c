// SPDX-License-Identifier: MIT
//
// Chooses a unit in which four digits say something.

#include "vboard/observe/span.h"

#include <inttypes.h>
#include <stdio.h>

#include "vboard/timeline.h"

const char *span_text(uint64_t ps, char text[SPAN_MAX]) {
    static const struct {
        uint64_t ps;
        const char *name;
    } units[] = {{PS_PER_S, "s"}, {PS_PER_MS, "ms"}, {PS_PER_US, "us"}};
    for (unsigned i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (ps >= units[i].ps) {
            uint64_t whole = ps / units[i].ps;
            unsigned places = whole >= 1000 ? 0 : whole >= 100 ? 1 : whole >= 10 ? 2 : 3;
            unsigned thousandths = (unsigned)(ps % units[i].ps / (units[i].ps / 1000));
            for (unsigned place = places; place < 3; place++) {
                thousandths /= 10;
            }
            if (places == 0) {
                (void)snprintf(text, SPAN_MAX, "%" PRIu64 " %s", whole, units[i].name);
            } else {
                (void)snprintf(text, SPAN_MAX, "%" PRIu64 ".%0*u %s", whole, (int)places,
                               thousandths, units[i].name);
            }
            return text;
        }
    }
    (void)snprintf(text, SPAN_MAX, "%" PRIu64 " ns", (uint64_t)(ps / PS_PER_NS));
    return text;
}
