// SPDX-License-Identifier: MIT

#include "tests/fuzz/odd_device.h"

#include <string.h>

#include "spec/usb.h"

#define ANSWER_MAX 512u

uint8_t odd_byte(struct odd_device *odd) {
    return odd->at < odd->end ? *odd->at++ : 0;
}

// A device and a configuration with something to hit, at times mangled by the input.
static const uint8_t device[18] = {18, 1, 0, 2, 0, 0, 0, 64, 0x83, 4, 0x11, 0xdf};
static const uint8_t config[ODD_CONFIG_BYTES] = {
    9, 2, 60,   0, 1,  1,    0, 0x80, 50,                    // one interface
    9, 4, 0,    0, 4,  0xff, 1, 2,    0,                     // alternate 0: four endpoints
    7, 5, 0x01, 2, 64, 0,    0, 7,    5,  0x81, 2, 64, 0, 0, // bulk
    7, 5, 0x82, 3, 8,  0,    4, 7,    5,  0x02, 3, 8,  0, 4, // interrupt
    7, 5, 0x83, 1, 64, 0,    1, 7,    5,  0x00, 0, 64, 0, 0, // isochronous; endpoint 0
};

static void answer(struct fake_device *fake) {
    struct odd_device *odd = (struct odd_device *)fake;
    struct usb_setup s = usb_setup_load(fake->setup);
    uint8_t reply[ANSWER_MAX] = {0};
    unsigned len = 0;
    if (!(s.bmRequestType & 0x80)) {
        return;
    }
    if (s.bRequest == USB_GET_DESCRIPTOR && s.wValue >> 8 == USB_DT_DEVICE) {
        len = sizeof device;
        memcpy(reply, device, len);
    } else if (s.bRequest == USB_GET_DESCRIPTOR && s.wValue >> 8 == USB_DT_CONFIGURATION) {
        len = sizeof config;
        memcpy(reply, config, len);
    } else {
        len = odd->is_plain ? 0 : odd_byte(odd);
    }
    uint8_t how = odd->is_plain ? 0 : odd_byte(odd);
    if (how & 1 && len > 0) {
        reply[odd_byte(odd) % len] = odd_byte(odd);
    }
    if (how & 2) {
        len = len * 2 < ANSWER_MAX ? len * 2 : ANSWER_MAX; // more than it says
    }
    if (len > s.wLength && !(how & 4)) {
        len = s.wLength; // else it babbles
    }
    fake_queue(fake, 0, reply, len, 64, false);
}

void odd_start(struct odd_device *odd) {
    odd->fake.on_setup = answer;
}

void odd_disturb(struct odd_device *odd) {
    uint8_t how = odd_byte(odd);
    unsigned ep = how >> 5;
    switch (how & 7) {
    case 0:
        odd->fake.in[ep].stalls = !odd->fake.in[ep].stalls;
        break;
    case 1:
        odd->fake.out[ep].stalls = !odd->fake.out[ep].stalls;
        break;
    case 2:
        odd->fake.in[ep].silences = odd_byte(odd) & 3;
        break;
    case 3:
        odd->fake.setup_silences = odd_byte(odd) & 3;
        break;
    case 4:
        odd->fake.in[ep].naks = odd_byte(odd);
        break;
    case 5:
        if (odd->fake.in[ep].packet_count < FAKE_PACKETS_MAX / 2) {
            fake_queue(&odd->fake, ep, config, odd_byte(odd) % sizeof config, 64, how & 8);
        }
        break;
    case 6:
        odd->fake.host->pullup(odd->fake.host->ctx, how & 8 ? USB_SPEED_FULL : USB_SPEED_NONE);
        break;
    case 7:
        odd->fake.in[ep].repeats_toggle = !odd->fake.in[ep].repeats_toggle;
        break;
    }
}
