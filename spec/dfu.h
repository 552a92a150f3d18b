// SPDX-License-Identifier: MIT
//
// The words of the USB Device Firmware Upgrade specification, version 1.1 (DFU 1.1), and of
// ST's extension to it, DfuSe (UM0424, AN3156; ST calls that protocol version 1.1a, bcdDFUVersion
// 0x011A). Names and numbers are the specifications'.

#ifndef SPEC_DFU_H
#define SPEC_DFU_H

#include <stdint.h>

// Requests, DFU 1.1 table 3.2.
enum dfu_request_code {
    DFU_DETACH = 0,
    DFU_DNLOAD = 1,
    DFU_UPLOAD = 2,
    DFU_GETSTATUS = 3,
    DFU_CLRSTATUS = 4,
    DFU_GETSTATE = 5,
    DFU_ABORT = 6,
};
#define DFU_REQUEST_COUNT 7u

// One list makes the numbers and their printed names. States, DFU 1.1 section 6.1.2.
#define DFU_STATES(X)                                                                              \
    X(DFU_STATE_APP_IDLE, 0, "appIDLE")                                                            \
    X(DFU_STATE_APP_DETACH, 1, "appDETACH")                                                        \
    X(DFU_STATE_IDLE, 2, "dfuIDLE")                                                                \
    X(DFU_STATE_DNLOAD_SYNC, 3, "dfuDNLOAD-SYNC")                                                  \
    X(DFU_STATE_DNBUSY, 4, "dfuDNBUSY")                                                            \
    X(DFU_STATE_DNLOAD_IDLE, 5, "dfuDNLOAD-IDLE")                                                  \
    X(DFU_STATE_MANIFEST_SYNC, 6, "dfuMANIFEST-SYNC")                                              \
    X(DFU_STATE_MANIFEST, 7, "dfuMANIFEST")                                                        \
    X(DFU_STATE_MANIFEST_WAIT_RESET, 8, "dfuMANIFEST-WAIT-RESET")                                  \
    X(DFU_STATE_UPLOAD_IDLE, 9, "dfuUPLOAD-IDLE")                                                  \
    X(DFU_STATE_ERROR, 10, "dfuERROR")

enum dfu_state {
#define X(name, number, text) name = number,
    DFU_STATES(X)
#undef X
};
#define DFU_STATE_COUNT 11u

// bStatus, DFU 1.1 section 6.1.2.
#define DFU_STATUSES(X)                                                                            \
    X(DFU_STATUS_OK, 0x00, "OK")                                                                   \
    X(DFU_STATUS_ERR_TARGET, 0x01, "errTARGET")                                                    \
    X(DFU_STATUS_ERR_FILE, 0x02, "errFILE")                                                        \
    X(DFU_STATUS_ERR_WRITE, 0x03, "errWRITE")                                                      \
    X(DFU_STATUS_ERR_ERASE, 0x04, "errERASE")                                                      \
    X(DFU_STATUS_ERR_CHECK_ERASED, 0x05, "errCHECK_ERASED")                                        \
    X(DFU_STATUS_ERR_PROG, 0x06, "errPROG")                                                        \
    X(DFU_STATUS_ERR_VERIFY, 0x07, "errVERIFY")                                                    \
    X(DFU_STATUS_ERR_ADDRESS, 0x08, "errADDRESS")                                                  \
    X(DFU_STATUS_ERR_NOTDONE, 0x09, "errNOTDONE")                                                  \
    X(DFU_STATUS_ERR_FIRMWARE, 0x0a, "errFIRMWARE")                                                \
    X(DFU_STATUS_ERR_VENDOR, 0x0b, "errVENDOR")                                                    \
    X(DFU_STATUS_ERR_USBR, 0x0c, "errUSBR")                                                        \
    X(DFU_STATUS_ERR_POR, 0x0d, "errPOR")                                                          \
    X(DFU_STATUS_ERR_UNKNOWN, 0x0e, "errUNKNOWN")                                                  \
    X(DFU_STATUS_ERR_STALLEDPKT, 0x0f, "errSTALLEDPKT")

enum dfu_status {
#define X(name, number, text) name = number,
    DFU_STATUSES(X)
#undef X
};

// Interface triple, DFU 1.1 tables 4.1 and 4.4.
#define DFU_INTERFACE_CLASS        0xfeu
#define DFU_INTERFACE_SUBCLASS     0x01u
#define DFU_PROTOCOL_RUNTIME       0x01u
#define DFU_PROTOCOL_DFU           0x02u

// Functional descriptor, DFU 1.1 section 4.1.3.
#define DFU_DT_FUNCTIONAL          0x21u
#define DFU_FUNCTIONAL_LEN         9u
#define DFU_ATTR_CAN_DNLOAD        0x01u
#define DFU_ATTR_CAN_UPLOAD        0x02u
#define DFU_ATTR_MANIFEST_TOLERANT 0x04u
#define DFU_ATTR_WILL_DETACH       0x08u

// GETSTATUS answer: bStatus, bwPollTimeout (3 bytes, ms), bState, iString (DFU 1.1 section 6.1.2).
#define DFU_STATUS_LEN             6u

// DfuSe (UM0424; AN3156 section 5; AN2662 4.3-4.5): commands are the data of a DNLOAD with wBlockNum 0;
// wBlockNum 1 is reserved; data blocks count from 2 and go to
// pointer + (wBlockNum - 2) * transfer length.
#define DFUSE_VERSION              0x011au
#define DFUSE_BLOCK_COMMAND        0u
#define DFUSE_BLOCK_FIRST_DATA     2u
#define DFUSE_CMD_GET_COMMANDS     0x00u
#define DFUSE_CMD_SET_ADDRESS      0x21u
#define DFUSE_CMD_ERASE            0x41u
#define DFUSE_CMD_READ_UNPROTECT   0x92u
#define DFUSE_CMD_WITH_ADDRESS_LEN 5u

// The specification's word for a state or status; "?" for a number it does not define.
const char *dfu_state_name(unsigned state);
const char *dfu_status_name(unsigned status);
const char *dfu_request_name(unsigned request);

#endif
