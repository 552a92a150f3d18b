// SPDX-License-Identifier: MIT
//
// Wires usbd's events to DFU and descriptors.

#include "core/bootloader.h"

// Refused while flash works, and when the option bytes do not take it.
static enum usbd_answer protect(struct bootloader *bootloader, const struct usb_setup *setup) {
    const struct port *port = bootloader->port;
    bool is_right =
        setup->wValue <= 1 && setup->wIndex == BOOT_PROTECT_INDEX && setup->wLength == 0;
    return is_right && port->protect && media_is_idle(&bootloader->dfu.media) &&
                   gate_is_at_rest(&bootloader->dfu.gate) &&
                   port->protect(port->ctx, setup->wValue == 1)
               ? USBD_ACCEPT
               : USBD_STALL;
}

static enum usbd_answer on_request(void *ctx, const struct usb_setup *setup,
                                   struct usbd_data *data) {
    struct bootloader *bootloader = ctx;
    if (setup->bmRequestType == (USB_DIR_IN | USB_TYPE_VENDOR) &&
        setup->bRequest == BOOT_REPORT_REQUEST && setup->wValue == 0 && setup->wIndex == 0 &&
        bootloader->port->report) {
        data->send = bootloader->port->report;
        data->len = BOOT_REPORT_LEN;
        return USBD_ACCEPT;
    }
    if (region_hash_is_asked(setup)) {
        return region_hash_request(&bootloader->hash, setup, data);
    }
    if (setup->bmRequestType == USB_TYPE_VENDOR && setup->bRequest == BOOT_REPORT_REQUEST) {
        return protect(bootloader, setup);
    }
    if ((setup->bmRequestType & (USB_DIR_IN | USB_TYPE_MASK)) == (USB_DIR_IN | USB_TYPE_VENDOR)) {
        unsigned len = 0;
        data->send = descriptors_vendor(&bootloader->descriptors, setup, &len);
        data->len = (uint16_t)len;
        return data->send ? USBD_ACCEPT : USBD_STALL;
    }
    return dfu_request(&bootloader->dfu, setup, data);
}

static enum usbd_answer on_received(void *ctx, const struct usb_setup *setup, unsigned len) {
    struct bootloader *bootloader = ctx;
    return region_hash_is_asked(setup) ? region_hash_received(&bootloader->hash, len)
                                       : dfu_received(&bootloader->dfu, setup, len);
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

static bool on_set_alternate(void *ctx, unsigned alternate) {
    struct bootloader *bootloader = ctx;
    return dfu_set_alternate(&bootloader->dfu, alternate);
}

static const uint8_t *on_descriptor(void *ctx, unsigned type, unsigned index, unsigned *len) {
    struct bootloader *bootloader = ctx;
    return descriptors_get(&bootloader->descriptors, type, index, len);
}

static const struct usbd_handler handler = {
    .request = on_request,
    .received = on_received,
    .sent = on_sent,
    .finished = on_finished,
    .reset = on_reset,
    .set_alternate = on_set_alternate,
    .descriptor = on_descriptor,
};

static bool application_is_valid(void *ctx) {
    struct bootloader *bootloader = ctx;
    const struct port *port = bootloader->port;
    uint8_t words[UPDATE_VECTOR_BYTES];
    update_read(&bootloader->dfu.update, flash_application_address(port->map), words, sizeof words);
    return boot_vectors_are_sane(bootloader->areas, load_le32(words), load_le32(words + 4));
}

void bootloader_init(struct bootloader *bootloader, const struct port *port,
                     const struct identity *identity, const struct boot_area *areas) {
    bootloader->port = port;
    bootloader->areas = areas;
    usbd_init(&bootloader->usbd, port, &handler, bootloader);
    descriptors_init(&bootloader->descriptors, identity, &bootloader->dfu.media);
    dfu_init(&bootloader->dfu, port, &bootloader->usbd, identity->only_flash, application_is_valid,
             bootloader);
    bootloader->hash.dfu = &bootloader->dfu;
    bootloader->hash.count = 0;
}

bool bootloader_poll(struct bootloader *bootloader) {
    bool has_more = dfu_poll(&bootloader->dfu);
    return region_hash_poll(&bootloader->hash) || has_more;
}
