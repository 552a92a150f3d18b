// SPDX-License-Identifier: MIT
//
// Wires usbd's events to DFU and descriptors.

#include "core/bootloader.h"

static enum usbd_answer on_request(void *ctx, const struct usb_setup *setup,
                                   struct usbd_data *data) {
    struct bootloader *bootloader = ctx;
    return dfu_request(&bootloader->dfu, setup, data);
}

static enum usbd_answer on_received(void *ctx, const struct usb_setup *setup, unsigned len) {
    struct bootloader *bootloader = ctx;
    return dfu_received(&bootloader->dfu, setup, len);
}

static void on_sent(void *ctx, const struct usb_setup *setup) {
    struct bootloader *bootloader = ctx;
    dfu_sent(&bootloader->dfu, setup);
}

static void on_finished(void *ctx, const struct usb_setup *setup) {
    struct bootloader *bootloader = ctx;
    dfu_finished(&bootloader->dfu, setup);
}

static void on_reset(void *ctx) {
    struct bootloader *bootloader = ctx;
    dfu_reset(&bootloader->dfu);
}

static void on_set_alternate(void *ctx, unsigned alternate) {
    struct bootloader *bootloader = ctx;
    dfu_set_alternate(&bootloader->dfu, alternate);
}

static const uint8_t *on_descriptor(void *ctx, unsigned type, unsigned index, unsigned *len) {
    struct bootloader *bootloader = ctx;
    return descriptors_get(&bootloader->descriptors, type, index, len);
}

static unsigned on_alternate_count(void *ctx) {
    const struct bootloader *bootloader = ctx;
    return descriptors_alternate_count(&bootloader->descriptors);
}

static const struct usbd_handler handler = {
    .request = on_request,
    .received = on_received,
    .sent = on_sent,
    .finished = on_finished,
    .reset = on_reset,
    .set_alternate = on_set_alternate,
    .descriptor = on_descriptor,
    .alternate_count = on_alternate_count,
};

static bool application_is_valid(void *ctx) {
    struct bootloader *bootloader = ctx;
    const struct port *port = bootloader->port;
    uint8_t words[UPDATE_VECTOR_BYTES];
    update_read(&bootloader->dfu.update, flash_application_address(port->map), words, sizeof words);
    return boot_vectors_are_sane(port->map, bootloader->rams, bootloader->ram_count,
                                 load_le32(words), load_le32(words + 4));
}

void bootloader_init(struct bootloader *bootloader, const struct port *port,
                     const struct identity *identity, const struct boot_ram *rams,
                     unsigned ram_count) {
    bootloader->port = port;
    bootloader->rams = rams;
    bootloader->ram_count = ram_count;
    usbd_init(&bootloader->usbd, port, &handler, bootloader);
    descriptors_init(&bootloader->descriptors, identity, port->map);
    dfu_init(&bootloader->dfu, port, &bootloader->usbd, application_is_valid, bootloader);
}

void bootloader_poll(struct bootloader *bootloader) {
    dfu_poll(&bootloader->dfu);
}
