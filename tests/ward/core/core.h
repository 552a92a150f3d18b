// SPDX-License-Identifier: MIT
//
// Between the files of the healthy core.

#ifndef TESTS_WARD_CORE_CORE_H
#define TESTS_WARD_CORE_CORE_H

#include "core/usbd.h"

#define OTG_HS_IRQ 77u // RM0090 table 62

_Noreturn void Reset_Handler(void);
_Noreturn void main(void);
void SysTick_Handler(void);
void OTG_HS_IRQHandler(void);

// dfu.c: class requests, as core/usbd.h's handler wants them.
enum usbd_answer dfu_request(const struct usb_setup *setup, struct usbd_data *data);
void dfu_finished(const struct usb_setup *setup);
void dfu_reset(void);

// descriptors.c
const uint8_t *descriptor(void *ctx, unsigned type, unsigned index, unsigned *len);
unsigned alternate_count(void);

#endif
