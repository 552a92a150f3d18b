// SPDX-License-Identifier: MIT
//
// Enumeration as Linux does it (drivers/usb/core/hub.c hub_port_connect, hub_port_init; config.c;
// message.c), one request after the other, each a step. What a step asks is in request(), what its
// answer means in answered(). Requests that Linux can do without may fail; the others end the try,
// and after four tries the device is given up.

#include "vboard/usb/enumerate.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// Linux: HUB_DEBOUNCE_STABLE, TRSTRCY and its extra in hub_port_reset(), the pause after
// SET_ADDRESS, USB_CTRL_GET_TIMEOUT, PORT_INIT_TRIES, SET_ADDRESS_TRIES, GET_MAXPACKET0_TRIES.
#define DEBOUNCE_PS         (100 * PS_PER_MS)
#define RECOVERY_PS         (50 * PS_PER_MS)
#define ADDRESS_PS          (10 * PS_PER_MS)
#define ADDRESS_RETRY_PS    (200 * PS_PER_MS)
#define TIMEOUT_PS          (5 * PS_PER_S)
#define TRIES               4u
#define ADDRESS_TRIES       2u
#define READ_TRIES          3u
// The first two tries read 64 bytes before SET_ADDRESS, the last two go the old way (8 bytes
// after it): Linux use_new_scheme().
#define NEW_SCHEME_TRIES    2u

#define BOS_HEADER_LEN      5u
#define QUALIFIER_LEN       10u
#define STRING_LEN_MAX      255u
#define LANGUAGE_US_ENGLISH 0x0409u
#define BCD_USB_2_00        0x0200u
#define BCD_USB_2_01        0x0201u

// Device descriptor fields, USB 2.0 table 9-8.
enum {
    AT_BCD_USB = 2,
    AT_MPS0 = 7,
    AT_MANUFACTURER = 14,
    AT_PRODUCT = 15,
    AT_SERIAL = 16,
    AT_CONFIGURATIONS = 17
};

enum step {
    STEP_NONE,
    STEP_READ_64,
    STEP_SET_ADDRESS,
    STEP_READ_8,
    STEP_READ_18,
    STEP_BOS_HEADER,
    STEP_BOS,
    STEP_QUALIFIER,
    STEP_CONFIG_HEADER,
    STEP_CONFIG,
    STEP_LANGUAGES,
    STEP_PRODUCT,
    STEP_MANUFACTURER,
    STEP_SERIAL,
    STEP_SET_CONFIGURATION,
};

static const char *const step_words[] = {
    [STEP_NONE] = "nothing",
    [STEP_READ_64] = "GET_DESCRIPTOR(device, 64 bytes) at address 0",
    [STEP_SET_ADDRESS] = "SET_ADDRESS",
    [STEP_READ_8] = "GET_DESCRIPTOR(device, 8 bytes)",
    [STEP_READ_18] = "GET_DESCRIPTOR(device)",
    [STEP_BOS_HEADER] = "GET_DESCRIPTOR(BOS, 5 bytes)",
    [STEP_BOS] = "GET_DESCRIPTOR(BOS)",
    [STEP_QUALIFIER] = "GET_DESCRIPTOR(device qualifier)",
    [STEP_CONFIG_HEADER] = "GET_DESCRIPTOR(configuration, 9 bytes)",
    [STEP_CONFIG] = "GET_DESCRIPTOR(configuration)",
    [STEP_LANGUAGES] = "GET_DESCRIPTOR(string 0)",
    [STEP_PRODUCT] = "GET_DESCRIPTOR(product string)",
    [STEP_MANUFACTURER] = "GET_DESCRIPTOR(manufacturer string)",
    [STEP_SERIAL] = "GET_DESCRIPTOR(serial number string)",
    [STEP_SET_CONFIGURATION] = "SET_CONFIGURATION",
};

// What the timer runs for.
enum wait {
    WAIT_NONE,
    WAIT_DEBOUNCE,
    WAIT_RECOVERY,
    WAIT_ADDRESS,
    WAIT_REQUEST,
    WAIT_TIMEOUT,
};

struct enumerator {
    struct timeline *timeline;
    struct cable *cable;
    struct trace *trace;
    struct enumerate_listener listener;

    struct usb_device device; // what was announced
    struct usb_device work;   // what is being read
    bool is_ready;
    bool is_busy;
    bool is_verifying; // reset_device()
    void (*reset_done)(void *ctx, bool ok);
    void *reset_ctx;

    enum step step;
    enum wait wait;
    struct event timer;
    struct event refusal;
    unsigned try;
    unsigned repeats; // of the request under way
    bool is_second_reset;
    bool is_outstanding;
    bool is_timed_out;
    struct usb_bus_turn turn;
    bool has_address;
    unsigned config_index;
    uint16_t language;
    uint8_t packet_bytes; // of endpoint 0
    uint8_t target;       // address the device answers to now

    struct cable_transfer transfer;
    uint8_t buffer[UINT16_MAX + 1];
    char why[200];
};

static void wait_for(struct enumerator *e, enum wait wait, uint64_t ps) {
    e->wait = wait;
    timeline_schedule(e->timeline, &e->timer, timeline_now(e->timeline) + ps);
}

// --- Requests. ---

static void get_descriptor(struct usb_setup *setup, unsigned type, unsigned index, unsigned len) {
    setup->bmRequestType = USB_DIR_IN;
    setup->bRequest = USB_GET_DESCRIPTOR;
    setup->wValue = (uint16_t)(type << 8 | index);
    setup->wLength = (uint16_t)len;
}

static void get_string(const struct enumerator *e, struct usb_setup *setup, unsigned field) {
    get_descriptor(setup, USB_DT_STRING, e->work.device_descriptor[field], STRING_LEN_MAX);
    setup->wIndex = e->language;
}

static void answered(struct enumerator *e);

static void transfer_done(struct cable_transfer *transfer, void *ctx) {
    struct enumerator *e = ctx;
    e->is_outstanding = false;
    timeline_cancel(e->timeline, &e->timer);
    e->wait = WAIT_NONE;
    if (transfer->status == CABLE_GONE) {
        return; // detached() follows
    }
    answered(e);
}

static void request(struct enumerator *e) {
    struct usb_setup setup = {0};
    switch (e->step) {
    case STEP_NONE:
        return;
    case STEP_READ_64:
        get_descriptor(&setup, USB_DT_DEVICE, 0, 64);
        break;
    case STEP_SET_ADDRESS:
        setup.bRequest = USB_SET_ADDRESS;
        setup.wValue = e->work.address;
        break;
    case STEP_READ_8:
        get_descriptor(&setup, USB_DT_DEVICE, 0, 8);
        break;
    case STEP_READ_18:
        get_descriptor(&setup, USB_DT_DEVICE, 0, USB_DEVICE_DESCRIPTOR_LEN);
        break;
    case STEP_BOS_HEADER:
        get_descriptor(&setup, USB_DT_BOS, 0, BOS_HEADER_LEN);
        break;
    case STEP_BOS:
        get_descriptor(&setup, USB_DT_BOS, 0, e->work.bos_len);
        break;
    case STEP_QUALIFIER:
        get_descriptor(&setup, USB_DT_DEVICE_QUALIFIER, 0, QUALIFIER_LEN);
        break;
    case STEP_CONFIG_HEADER:
        get_descriptor(&setup, USB_DT_CONFIGURATION, e->config_index, USB_CONFIG_DESCRIPTOR_LEN);
        break;
    case STEP_CONFIG:
        get_descriptor(&setup, USB_DT_CONFIGURATION, e->config_index, load_le16(e->buffer + 2));
        break;
    case STEP_LANGUAGES:
        get_descriptor(&setup, USB_DT_STRING, 0, STRING_LEN_MAX);
        break;
    case STEP_PRODUCT:
        get_string(e, &setup, AT_PRODUCT);
        break;
    case STEP_MANUFACTURER:
        get_string(e, &setup, AT_MANUFACTURER);
        break;
    case STEP_SERIAL:
        get_string(e, &setup, AT_SERIAL);
        break;
    case STEP_SET_CONFIGURATION:
        setup.bRequest = USB_SET_CONFIGURATION;
        // The first configuration's bConfigurationValue (USB 2.0 table 9-10).
        setup.wValue = e->work.descriptors[USB_DEVICE_DESCRIPTOR_LEN + 5];
        break;
    }
    e->is_timed_out = false;
    e->is_outstanding = true;
    e->transfer = (struct cable_transfer){
        .type = USB_XFER_CONTROL,
        .address = e->target,
        .in = setup.bmRequestType & USB_DIR_IN,
        .packet_bytes = e->packet_bytes,
        .data = e->buffer,
        .length = setup.wLength,
        .done = transfer_done,
        .ctx = e,
    };
    usb_setup_store(&setup, e->transfer.setup);
    cable_submit(e->cable, &e->transfer);
    wait_for(e, WAIT_TIMEOUT, TIMEOUT_PS);
}

static void go(struct enumerator *e, enum step step) {
    e->step = step;
    e->repeats = 0;
    request(e);
}

static bool repeat(struct enumerator *e, unsigned tries) {
    if (++e->repeats >= tries) {
        return false;
    }
    request(e);
    return true;
}

// --- Ends. ---

static void report_reset(struct enumerator *e, bool ok) {
    void (*done)(void *, bool) = e->reset_done;
    e->reset_done = NULL;
    if (done != NULL) {
        done(e->reset_ctx, ok);
    }
}

static void stop(struct enumerator *e) {
    timeline_cancel(e->timeline, &e->timer);
    e->wait = WAIT_NONE;
    e->step = STEP_NONE;
    e->is_busy = false;
    usb_bus_turn_over(cable_bus(e->cable), &e->turn);
}

static void say_gone(struct enumerator *e) {
    if (e->is_ready) {
        e->is_ready = false;
        if (e->listener.gone != NULL) {
            e->listener.gone(e->listener.ctx);
        }
    }
}

static void say_ready(struct enumerator *e) {
    e->is_ready = true;
    e->device = e->work;
    trace_event(e->trace, TRACE_USB, "enumerated", "address=%u id=%04x:%04x configuration=%u",
                e->work.address, load_le16(e->work.device_descriptor + 8),
                load_le16(e->work.device_descriptor + 10), e->work.configuration);
    if (e->listener.ready != NULL) {
        e->listener.ready(e->listener.ctx, &e->device);
    }
}

static bool is_same_device(const struct usb_device *a, const struct usb_device *b) {
    return a->descriptors_len == b->descriptors_len &&
           memcmp(a->descriptors, b->descriptors, a->descriptors_len) == 0 &&
           a->bos_len == b->bos_len && memcmp(a->bos, b->bos, a->bos_len) == 0 &&
           strcmp(a->serial, b->serial) == 0;
}

static void finish(struct enumerator *e) {
    stop(e);
    if (!e->is_verifying) {
        say_ready(e);
        return;
    }
    e->is_verifying = false;
    if (is_same_device(&e->device, &e->work)) {
        bool is_configured = e->work.configuration == e->device.configuration;
        e->device.configuration = e->work.configuration;
        report_reset(e, is_configured);
        return;
    }
    // Another device, for all one knows (Linux: descriptors_changed()).
    report_reset(e, false);
    say_gone(e);
    say_ready(e);
}

static void start_try(struct enumerator *e);

static void give_up_try(struct enumerator *e) {
    if (++e->try < TRIES) {
        start_try(e);
        return;
    }
    stop(e);
    trace_event(e->trace, TRACE_USB, "enumerate-failed", "why=\"%s\"", e->why);
    if (e->is_verifying) {
        e->is_verifying = false;
        report_reset(e, false);
        say_gone(e);
    }
    if (e->listener.failed != NULL) {
        e->listener.failed(e->listener.ctx, e->why);
    }
}

static const char *answer_words(const struct enumerator *e) {
    if (e->is_timed_out) {
        return "was NAKed for 5 s";
    }
    switch (e->transfer.status) {
    case CABLE_OK:
        return "was answered with nonsense";
    case CABLE_STALL:
        return "was answered with STALL";
    case CABLE_NO_ANSWER:
        return "was not answered";
    case CABLE_BABBLE:
        return "was answered with more than was asked";
    case CABLE_CANCELLED:
    case CABLE_GONE:
        return "was cut off";
    }
    return "";
}

static void fail(struct enumerator *e) {
    (void)snprintf(e->why, sizeof e->why, "%s %s (%u bytes came), %u tries", step_words[e->step],
                   answer_words(e), (unsigned)e->transfer.actual, TRIES);
    give_up_try(e);
}

// --- Answers. ---

// A string descriptor as UTF-8; empty where none came.
static void read_string(const struct enumerator *e, char text[USB_DEVICE_TEXT_ROOM]) {
    unsigned len = e->transfer.actual;
    text[0] = 0;
    if (e->transfer.status != CABLE_OK || len < 2 || e->buffer[1] != USB_DT_STRING) {
        return;
    }
    len = e->buffer[0] < len ? e->buffer[0] : len;
    if (len > 2) {
        (void)usb_text(e->buffer + 2, (len - 2) / 2, text);
    }
}

static bool is_mps0(unsigned bytes) {
    return bytes == 8 || bytes == 16 || bytes == 32 || bytes == 64; // USB 2.0 5.5.3
}

static bool has_descriptor(const struct enumerator *e, unsigned type, unsigned len) {
    return e->transfer.status == CABLE_OK && e->transfer.actual >= len && e->buffer[1] == type;
}

static void after_bos(struct enumerator *e) {
    if (e->work.speed == USB_SPEED_FULL &&
        load_le16(e->work.device_descriptor + AT_BCD_USB) >= BCD_USB_2_00) {
        go(e, STEP_QUALIFIER);
    } else {
        go(e, STEP_CONFIG_HEADER);
    }
}

static void after_device(struct enumerator *e) {
    if (load_le16(e->work.device_descriptor + AT_BCD_USB) >= BCD_USB_2_01) {
        go(e, STEP_BOS_HEADER);
    } else {
        after_bos(e);
    }
}

static void next_string(struct enumerator *e, enum step step) {
    static const struct {
        enum step step;
        unsigned field;
    } order[] = {
        {STEP_PRODUCT, AT_PRODUCT}, {STEP_MANUFACTURER, AT_MANUFACTURER}, {STEP_SERIAL, AT_SERIAL}};
    for (unsigned i = 0; i < sizeof order / sizeof order[0]; i++) {
        if (order[i].step >= step && e->work.device_descriptor[order[i].field] != 0) {
            go(e, order[i].step);
            return;
        }
    }
    go(e, STEP_SET_CONFIGURATION);
}

static void after_configs(struct enumerator *e) {
    const uint8_t *d = e->work.device_descriptor;
    if (d[AT_PRODUCT] == 0 && d[AT_MANUFACTURER] == 0 && d[AT_SERIAL] == 0) {
        go(e, STEP_SET_CONFIGURATION);
    } else {
        go(e, STEP_LANGUAGES);
    }
}

static void answered_config(struct enumerator *e) {
    uint32_t len = e->transfer.actual;
    if (!has_descriptor(e, USB_DT_CONFIGURATION, USB_CONFIG_DESCRIPTOR_LEN)) {
        fail(e);
        return;
    }
    if (e->work.descriptors_len + len > USB_DESCRIPTORS_MAX) {
        (void)snprintf(e->why, sizeof e->why, "its configuration descriptors exceed %u bytes",
                       USB_DESCRIPTORS_MAX);
        give_up_try(e);
        return;
    }
    memcpy(e->work.descriptors + e->work.descriptors_len, e->buffer, len);
    e->work.descriptors_len += len;
    if (++e->config_index < e->work.device_descriptor[AT_CONFIGURATIONS]) {
        go(e, STEP_CONFIG_HEADER);
    } else {
        after_configs(e);
    }
}

static void answered_first_read(struct enumerator *e) {
    if (has_descriptor(e, USB_DT_DEVICE, 8) && is_mps0(e->buffer[AT_MPS0])) {
        e->packet_bytes = e->buffer[AT_MPS0];
        if (e->step == STEP_READ_8) {
            go(e, STEP_READ_18);
            return;
        }
        // Linux resets once more between the first read and SET_ADDRESS.
        e->is_second_reset = true;
        start_try(e);
        return;
    }
    if (e->is_timed_out || !repeat(e, READ_TRIES)) {
        fail(e);
    }
}

static void answered(struct enumerator *e) {
    bool ok = e->transfer.status == CABLE_OK;
    struct usb_device *device = &e->work;
    switch (e->step) {
    case STEP_NONE:
        return;
    case STEP_READ_64:
    case STEP_READ_8:
        answered_first_read(e);
        return;
    case STEP_SET_ADDRESS:
        if (ok) {
            e->target = device->address;
            wait_for(e, WAIT_ADDRESS, ADDRESS_PS);
        } else if (++e->repeats < ADDRESS_TRIES) {
            wait_for(e, WAIT_REQUEST, ADDRESS_RETRY_PS);
        } else {
            fail(e);
        }
        return;
    case STEP_READ_18:
        if (!has_descriptor(e, USB_DT_DEVICE, USB_DEVICE_DESCRIPTOR_LEN)) {
            if (e->is_timed_out || !repeat(e, READ_TRIES)) {
                fail(e);
            }
            return;
        }
        memcpy(device->device_descriptor, e->buffer, USB_DEVICE_DESCRIPTOR_LEN);
        memcpy(device->descriptors, e->buffer, USB_DEVICE_DESCRIPTOR_LEN);
        device->descriptors_len = USB_DEVICE_DESCRIPTOR_LEN;
        after_device(e);
        return;
    case STEP_BOS_HEADER:
        device->bos_len = 0;
        if (has_descriptor(e, USB_DT_BOS, BOS_HEADER_LEN) &&
            load_le16(e->buffer + 2) >= BOS_HEADER_LEN &&
            load_le16(e->buffer + 2) <= sizeof device->bos) {
            device->bos_len = load_le16(e->buffer + 2);
            go(e, STEP_BOS);
        } else {
            after_bos(e);
        }
        return;
    case STEP_BOS:
        device->bos_len = has_descriptor(e, USB_DT_BOS, device->bos_len) ? device->bos_len : 0;
        memcpy(device->bos, e->buffer, device->bos_len);
        after_bos(e);
        return;
    case STEP_QUALIFIER:
        // A full-speed-only device stalls it (USB 2.0 9.6.2); Linux asks three times.
        if (ok || e->is_timed_out || !repeat(e, READ_TRIES)) {
            go(e, STEP_CONFIG_HEADER);
        }
        return;
    case STEP_CONFIG_HEADER:
        if (has_descriptor(e, USB_DT_CONFIGURATION, USB_CONFIG_DESCRIPTOR_LEN) &&
            load_le16(e->buffer + 2) >= USB_CONFIG_DESCRIPTOR_LEN) {
            go(e, STEP_CONFIG);
        } else {
            fail(e);
        }
        return;
    case STEP_CONFIG:
        answered_config(e);
        return;
    case STEP_LANGUAGES:
        if (has_descriptor(e, USB_DT_STRING, 4)) {
            e->language = load_le16(e->buffer + 2);
        } else {
            e->language = LANGUAGE_US_ENGLISH; // Linux' fall-back
        }
        next_string(e, STEP_PRODUCT);
        return;
    case STEP_PRODUCT:
        read_string(e, device->product);
        next_string(e, STEP_MANUFACTURER);
        return;
    case STEP_MANUFACTURER:
        read_string(e, device->manufacturer);
        next_string(e, STEP_SERIAL);
        return;
    case STEP_SERIAL:
        read_string(e, device->serial);
        go(e, STEP_SET_CONFIGURATION);
        return;
    case STEP_SET_CONFIGURATION:
        device->configuration = ok ? device->descriptors[USB_DEVICE_DESCRIPTOR_LEN + 5] : 0;
        finish(e);
        return;
    }
}

// --- Resets and waiting. ---

static void reset_over(void *ctx) {
    struct enumerator *e = ctx;
    if (e->is_busy && cable_is_attached(e->cable)) {
        e->work.speed = cable_speed(e->cable);
        wait_for(e, WAIT_RECOVERY, RECOVERY_PS);
    }
}

// Also for the second reset within one try.
static void start_try(struct enumerator *e) {
    e->step = STEP_NONE;
    e->target = 0;
    if (!e->is_second_reset) {
        e->packet_bytes = 64;
        e->config_index = 0;
        uint8_t address = e->work.address;
        memset(&e->work, 0, sizeof e->work);
        e->work.address = address;
        e->language = 0;
    }
    cable_bus_reset(e->cable, reset_over, e);
}

static void recovered(struct enumerator *e) {
    bool is_new_scheme = e->try < NEW_SCHEME_TRIES;
    if (is_new_scheme && !e->is_second_reset) {
        go(e, STEP_READ_64);
    } else {
        go(e, STEP_SET_ADDRESS);
    }
    e->is_second_reset = false;
}

static void timer_fired(void *ctx) {
    struct enumerator *e = ctx;
    enum wait wait = e->wait;
    e->wait = WAIT_NONE;
    switch (wait) {
    case WAIT_NONE:
        return;
    case WAIT_DEBOUNCE:
        start_try(e);
        return;
    case WAIT_RECOVERY:
        recovered(e);
        return;
    case WAIT_ADDRESS:
        go(e, e->try < NEW_SCHEME_TRIES ? STEP_READ_18 : STEP_READ_8);
        return;
    case WAIT_REQUEST:
        request(e);
        return;
    case WAIT_TIMEOUT:
        e->is_timed_out = true;
        cable_cancel(e->cable, &e->transfer);
        return;
    }
}

static void refuse(void *ctx) {
    struct enumerator *e = ctx;
    report_reset(e, false);
}

// Linux' hub driver looks at one port after the other, and debounces when it comes to it.
static void turn_begins(void *ctx) {
    struct enumerator *e = ctx;
    if (e->is_verifying) {
        start_try(e);
        return;
    }
    e->work.address = usb_bus_take_address(cable_bus(e->cable));
    e->has_address = true;
    wait_for(e, WAIT_DEBOUNCE, DEBOUNCE_PS);
}

static void give_address(struct enumerator *e) {
    if (e->has_address) {
        e->has_address = false;
        usb_bus_give_address(cable_bus(e->cable), e->work.address);
    }
}

static void on_attached(void *ctx, enum usb_speed speed) {
    struct enumerator *e = ctx;
    (void)speed;
    e->is_busy = true;
    e->is_verifying = false;
    e->is_second_reset = false;
    e->try = 0;
    usb_bus_await_turn(cable_bus(e->cable), &e->turn);
}

static void on_detached(void *ctx) {
    struct enumerator *e = ctx;
    stop(e);
    timeline_cancel(e->timeline, &e->refusal);
    e->is_verifying = false;
    report_reset(e, false);
    say_gone(e);
    give_address(e);
}

// --- Public. ---

struct enumerator *enumerator_new(struct timeline *timeline, struct cable *cable,
                                  struct trace *trace, const struct enumerate_listener *listener) {
    struct enumerator *e = calloc(1, sizeof *e);
    if (e == NULL) {
        return NULL;
    }
    e->timeline = timeline;
    e->cable = cable;
    e->trace = trace;
    e->listener = *listener;
    e->timer = (struct event){.fire = timer_fired, .ctx = e};
    e->refusal = (struct event){.fire = refuse, .ctx = e};
    e->turn = (struct usb_bus_turn){.begin = turn_begins, .ctx = e};
    cable_listen(cable, &(struct cable_listener){
                            .ctx = e, .attached = on_attached, .detached = on_detached});
    return e;
}

// For a transfer whose answer nobody waits for any more: transfer_done() would go on to the next step.
static void forget(struct cable_transfer *transfer, void *ctx) {
    (void)transfer;
    (void)ctx;
}

void enumerator_free(struct enumerator *e) {
    if (e == NULL) {
        return;
    }
    stop(e);
    timeline_cancel(e->timeline, &e->refusal);
    if (e->is_outstanding) {
        e->transfer.done = forget;
        cable_cancel(e->cable, &e->transfer);
    }
    give_address(e);
    free(e);
}

const struct usb_device *enumerator_device(const struct enumerator *e) {
    return e->is_ready ? &e->device : NULL;
}

bool enumerator_is_busy(const struct enumerator *e) {
    return e->is_busy;
}

void enumerator_reset_device(struct enumerator *e, void (*done)(void *ctx, bool ok), void *ctx) {
    assert(e->reset_done == NULL);
    e->reset_done = done;
    e->reset_ctx = ctx;
    if (!e->is_ready || e->is_busy) {
        timeline_schedule(e->timeline, &e->refusal, timeline_now(e->timeline));
        return;
    }
    e->is_busy = true;
    e->is_verifying = true;
    e->is_second_reset = false;
    e->try = 0;
    usb_bus_await_turn(cable_bus(e->cable), &e->turn);
}

void enumerator_visit(struct enumerator *e, const struct memory_visitor *visitor) {
    // The buffer behind is 64 KB, and nothing without an enumeration under way.
    visitor->memory(visitor->ctx, e, e->is_busy ? sizeof *e : offsetof(struct enumerator, buffer));
}
