// SPDX-License-Identifier: MIT
//
// The boot decision.

#include "core/boot.h"

#include <stddef.h>

struct boot_decision boot_decide(const struct boot_facts *facts) {
    if (!facts->application_valid) {
        return (struct boot_decision){BOOT_DFU, BOOT_REASON_NO_APPLICATION};
    }
    if (facts->receiving) {
        return (struct boot_decision){BOOT_DFU, BOOT_REASON_RECEIVING};
    }
    if (facts->request == MAILBOX_DFU) {
        return (struct boot_decision){BOOT_DFU, BOOT_REASON_MAILBOX};
    }
    if (facts->request == MAILBOX_RUN) {
        return (struct boot_decision){BOOT_APPLICATION, BOOT_REASON_MAILBOX};
    }
    if (facts->button) {
        return (struct boot_decision){BOOT_DFU, BOOT_REASON_BUTTON};
    }
    return (struct boot_decision){BOOT_APPLICATION, BOOT_REASON_DEFAULT};
}

bool boot_is_receiving(struct settings *settings) {
    // Both doubts are harmless here. Two headers: either page has the same values. A record that may
    // be marginal: if it is another key's, this one is not touched; while the receiving record itself
    // is being opened or closed, either answer is right, since the application area is whole.
    // TODO: this reaches into what settings.h says is nobody's; it needs a function of its own there.
    bool is_in_doubt = settings->is_in_doubt;
    bool is_unconfirmed = settings->is_unconfirmed;
    settings->is_in_doubt = false;
    settings->is_unconfirmed = false;
    uint32_t len;
    enum settings_result result = settings_get(settings, SETTINGS_KEY_RECEIVING, NULL, 0, &len);
    settings->is_in_doubt = is_in_doubt;
    settings->is_unconfirmed = is_unconfirmed;
    return result == SETTINGS_OK;
}

bool boot_vectors_are_sane(const struct flash_map *map, const struct boot_ram *rams,
                           unsigned ram_count, uint32_t stack_pointer, uint32_t reset_vector) {
    bool stack_is_sane = false;
    for (unsigned i = 0; i < ram_count; i++) {
        // Past the base by at least a word, up to and including the end: stacks grow down.
        uint32_t off = stack_pointer - rams[i].base;
        stack_is_sane |= off >= 4 && off <= rams[i].bytes && stack_pointer % 4 == 0;
    }
    return stack_is_sane && (reset_vector & 1u) != 0 &&
           flash_application_holds(map, reset_vector & ~1u, 2);
}
