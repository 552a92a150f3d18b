// SPDX-License-Identifier: MIT
//
// The DFU class with ST's extension, in the manner of the one that CubeMX puts into projects: a DNLOAD is only kept;
// the GETSTATUS that follows answers dfuDNBUSY, and when its data have gone the work is done, before its status
// stage. CLRSTATUS outside dfuERROR makes an error, ABORT is ignored where it has no place: ST's ways, and
// every host knows them.

#include "spec/bytes.h"
#include "spec/dfu.h"
#include "tests/ward/core/core.h"
#include "tests/ward/ward.h"

#define BLOCK_MAX     2048u
#define WRITE_POLL_MS 50u
#define TO_INTERFACE  (USB_TYPE_CLASS | USB_RECIPIENT_INTERFACE)

static struct {
    uint8_t state; // enum dfu_state, or what a patient makes of it
    enum dfu_status status;
    uint16_t block, len;
    uint32_t pointer;
    bool has_written;
    uint8_t busy_left;
    uint8_t small[DFU_STATUS_LEN];
    uint8_t buffer[BLOCK_MAX];
} dfu = {.state = DFU_STATE_IDLE, .pointer = WARD_APPLICATION};

static void fail(enum dfu_status status) {
    dfu.state = DFU_STATE_ERROR;
    dfu.status = status;
}

void dfu_reset(void) {
    // A bus reset ends the session (DFU 1.1 A.2).
    if (!(ward.abort_waits_for_reset && dfu.state == DFU_STATE_MANIFEST_WAIT_RESET)) {
        dfu.state = DFU_STATE_IDLE;
        dfu.status = DFU_STATUS_OK;
    }
    dfu.len = 0;
}

// --- Requests ----------------------------------------------------------------------------------------------

static enum usbd_answer dnload(const struct usb_setup *setup, struct usbd_data *data) {
    if (dfu.state != DFU_STATE_IDLE && dfu.state != DFU_STATE_DNLOAD_IDLE) {
        return USBD_STALL;
    }
    if (setup->wLength > ward.transfer_bytes || setup->wLength > BLOCK_MAX) {
        return USBD_STALL;
    }
    if (ward.taken_bytes && setup->wLength > ward.taken_bytes) {
        return USBD_STALL;
    }
    dfu.block = setup->wValue;
    dfu.len = setup->wLength;
    dfu.state = setup->wLength > 0 ? DFU_STATE_DNLOAD_SYNC : DFU_STATE_MANIFEST_SYNC;
    data->receive = dfu.buffer;
    data->capacity = BLOCK_MAX;
    return USBD_ACCEPT;
}

static uint32_t address_of_block(uint16_t block) {
    return dfu.pointer + (block - DFUSE_BLOCK_FIRST_DATA) * (uint32_t)ward.counted_bytes;
}

static enum usbd_answer upload(const struct usb_setup *setup, struct usbd_data *data) {
    if ((dfu.state != DFU_STATE_IDLE && dfu.state != DFU_STATE_UPLOAD_IDLE) ||
        setup->wLength > ward.transfer_bytes) {
        return USBD_STALL;
    }
    if (setup->wValue == DFUSE_BLOCK_COMMAND) {
        dfu.small[0] = DFUSE_CMD_GET_COMMANDS;
        dfu.small[1] = DFUSE_CMD_SET_ADDRESS;
        dfu.small[2] = DFUSE_CMD_ERASE;
        data->send = dfu.small;
        data->len = 3;
        dfu.state = DFU_STATE_IDLE; // the list is short: the upload is over
        return USBD_ACCEPT;
    }
    data->send = setup->wValue < DFUSE_BLOCK_FIRST_DATA
                     ? 0
                     : MEM_If_Read_HS(address_of_block(setup->wValue), setup->wLength);
    if (!data->send) {
        fail(DFU_STATUS_ERR_STALLEDPKT);
        if (ward.reads_into_stray_state) {
            dfu.state = DFU_STATUS_ERR_STALLEDPKT; // a status where a state belongs
            dfu.status = DFU_STATUS_OK;
        }
        return USBD_STALL;
    }
    data->len =
        ward.taken_bytes && setup->wLength > ward.taken_bytes ? ward.taken_bytes : setup->wLength;
    dfu.state = DFU_STATE_UPLOAD_IDLE;
    return USBD_ACCEPT;
}

static uint32_t poll_ms(void) {
    if (dfu.state != DFU_STATE_DNBUSY) {
        return 0;
    }
    return dfu.block == DFUSE_BLOCK_COMMAND && dfu.buffer[0] == DFUSE_CMD_ERASE ? ward.erase_poll_ms
           : dfu.block == DFUSE_BLOCK_COMMAND                                   ? 1
                                                                                : WRITE_POLL_MS;
}

static enum usbd_answer getstatus(struct usbd_data *data) {
    if (dfu.state == DFU_STATE_DNLOAD_SYNC) {
        dfu.state = dfu.len > 0 ? DFU_STATE_DNBUSY : DFU_STATE_DNLOAD_IDLE;
        dfu.busy_left = ward.busy_answers;
    } else if (dfu.state == DFU_STATE_MANIFEST_SYNC) {
        dfu.state = DFU_STATE_MANIFEST;
    }
    uint32_t poll = poll_ms();
    dfu.small[0] = (uint8_t)dfu.status;
    dfu.small[1] = (uint8_t)poll;
    dfu.small[2] = (uint8_t)(poll >> 8);
    dfu.small[3] = (uint8_t)(poll >> 16);
    dfu.small[4] = dfu.state;
    dfu.small[5] = 0;
    data->send = dfu.small;
    data->len = DFU_STATUS_LEN;
    return USBD_ACCEPT;
}

static enum usbd_answer clrstatus(void) {
    if (dfu.state == DFU_STATE_ERROR) {
        dfu.state = DFU_STATE_IDLE;
        dfu.status = DFU_STATUS_OK;
    } else {
        fail(DFU_STATUS_ERR_UNKNOWN);
    }
    return USBD_ACCEPT;
}

static enum usbd_answer abort_session(void) {
    bool is_after_blocks = dfu.state == DFU_STATE_DNLOAD_IDLE && dfu.has_written;
    if (ward.aborts_in_vain) {
        return USBD_ACCEPT;
    }
    switch (dfu.state) {
    case DFU_STATE_IDLE:
    case DFU_STATE_DNLOAD_SYNC:
    case DFU_STATE_DNLOAD_IDLE:
    case DFU_STATE_MANIFEST_SYNC:
    case DFU_STATE_UPLOAD_IDLE:
        dfu.state = ward.abort_waits_for_reset && is_after_blocks ? DFU_STATE_MANIFEST_WAIT_RESET
                                                                  : DFU_STATE_IDLE;
        dfu.len = 0;
        if (is_after_blocks && !finish_image()) {
            fail(DFU_STATUS_ERR_PROG);
        }
        dfu.has_written = false;
        break;
    default:
        break;
    }
    return USBD_ACCEPT;
}

enum usbd_answer dfu_request(const struct usb_setup *setup, struct usbd_data *data) {
    bool is_in = setup->bmRequestType & USB_DIR_IN;
    if ((setup->bmRequestType & ~USB_DIR_IN) != TO_INTERFACE || setup->wIndex != 0) {
        return USBD_STALL;
    }
    switch (setup->bRequest) {
    case DFU_DNLOAD:
        return is_in ? USBD_STALL : dnload(setup, data);
    case DFU_UPLOAD:
        return is_in ? upload(setup, data) : USBD_STALL;
    case DFU_GETSTATUS:
        return is_in ? getstatus(data) : USBD_STALL;
    case DFU_GETSTATE:
        dfu.small[0] = dfu.state;
        data->send = dfu.small;
        data->len = 1;
        return is_in ? USBD_ACCEPT : USBD_STALL;
    case DFU_CLRSTATUS:
        return is_in ? USBD_STALL : clrstatus();
    case DFU_ABORT:
        return is_in ? USBD_STALL : abort_session();
    default:
        return USBD_STALL;
    }
}

// --- Work ------------------------------------------------------------------------------------------------------

static enum dfu_status do_command(void) {
    uint32_t addr = load_le32(dfu.buffer + 1);
    if (dfu.len == 1) {
        return dfu.buffer[0] == DFUSE_CMD_ERASE          ? MEM_If_MassErase_HS()
               : dfu.buffer[0] == DFUSE_CMD_GET_COMMANDS ? DFU_STATUS_OK
                                                         : DFU_STATUS_ERR_TARGET;
    }
    if (dfu.len != DFUSE_CMD_WITH_ADDRESS_LEN) {
        return DFU_STATUS_ERR_STALLEDPKT;
    }
    switch (dfu.buffer[0]) {
    case DFUSE_CMD_SET_ADDRESS:
        if (addr < WARD_FLASH || addr >= WARD_FLASH_END) {
            return DFU_STATUS_ERR_TARGET;
        }
        dfu.pointer = addr;
        return DFU_STATUS_OK;
    case DFUSE_CMD_ERASE:
        return MEM_If_Erase_HS(addr);
    default:
        return DFU_STATUS_ERR_STALLEDPKT;
    }
}

static enum dfu_status do_block(void) {
    if (dfu.block < DFUSE_BLOCK_FIRST_DATA) {
        return DFU_STATUS_ERR_ADDRESS;
    }
    dfu.has_written = true;
    return MEM_If_Write_HS(dfu.buffer, address_of_block(dfu.block), dfu.len);
}

// Plain DFU 1.1 knows no commands: block 0 is the application's first.
static enum dfu_status do_plain(void) {
    uint32_t addr = WARD_APPLICATION + dfu.block * (uint32_t)ward.counted_bytes;
    dfu.has_written = true;
    enum dfu_status status = DFU_STATUS_OK;
    if (GetSector(addr) != GetSector(addr - 1)) {
        status = MEM_If_Erase_HS(addr);
    }
    return status == DFU_STATUS_OK ? MEM_If_Write_HS(dfu.buffer, addr, dfu.len) : status;
}

void dfu_work(void) {
    if (dfu.state == DFU_STATE_MANIFEST && ward.resets_before_answer) {
        (void)finish_image();
        leave_dfu();
    }
    if (dfu.state != DFU_STATE_DNBUSY) {
        return;
    }
    if (dfu.busy_left > 0) {
        dfu.busy_left--;
        return;
    }
    enum dfu_status status = ward.dfu_version != DFUSE_VERSION  ? do_plain()
                             : dfu.block == DFUSE_BLOCK_COMMAND ? do_command()
                                                                : do_block();
    if (status != DFU_STATUS_OK && ward.failure == WARD_FAILS_IN_SILENCE) {
        return;
    }
    dfu.len = 0;
    dfu.state = DFU_STATE_DNLOAD_SYNC;
    if (status != DFU_STATUS_OK) {
        fail(ward.failure == WARD_FAILS_AS_VENDOR ? DFU_STATUS_ERR_VENDOR : status);
    }
}

void dfu_finished(const struct usb_setup *setup) {
    if (setup->bRequest == DFU_GETSTATUS && dfu.state == DFU_STATE_MANIFEST) {
        (void)finish_image();
        leave_dfu();
    }
}
