// SPDX-License-Identifier: MIT
//
// Stands in for otg_wiring.c in a build without the OTG core: its registers are then reported as
// unmodelled, and the chip has no plug. CMakeLists.txt takes one of the two.

#include "vboard/chip/chip_state.h"
#include "vboard/chip/otg_wiring.h"

bool otg_wiring_add(struct chip *chip) {
    (void)chip;
    return true;
}

void otg_wiring_free(struct chip *chip) {
    (void)chip;
}

void chip_usb_clock_changed(struct chip *chip) {
    (void)chip;
}

const struct wire_device *chip_otg_fs(struct chip *chip) {
    (void)chip;
    return NULL;
}

void chip_connect_otg_fs(struct chip *chip, const struct wire_host *host) {
    (void)chip;
    (void)host;
}
