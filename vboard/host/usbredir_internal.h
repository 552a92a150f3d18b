// SPDX-License-Identifier: MIT
//
// What the usbredir face's files share: usbredir.c (the peer, and whether it sees the device), usbredir_packets.c
// (what its packets ask for), usbredir_requests.c (how that gets to the device, and the answer back). Nobody
// else includes this.

#ifndef VBOARD_HOST_USBREDIR_INTERNAL_H
#define VBOARD_HOST_USBREDIR_INTERNAL_H

#include <usbredirparser.h>

#include "vboard/host/usbredir.h"
#include "vboard/host/usbredir_view.h"

#define USBREDIR_ADDRESS     1u
#define USBREDIR_ENDPOINTS   16u
#define USBREDIR_NUMBER_MASK 0x0fu

// Which packet asked, and so which one answers.
enum usbredir_request_kind {
    REQUEST_CONTROL,
    REQUEST_BULK,
    REQUEST_INTERRUPT_OUT,
    REQUEST_SET_CONFIGURATION,
    REQUEST_GET_CONFIGURATION,
    REQUEST_SET_ALTERNATE,
    REQUEST_GET_ALTERNATE,
};

struct usbredir_request {
    struct cable_transfer transfer;
    struct usbredir *redir;
    struct usbredir_request *next;
    enum usbredir_request_kind kind;
    bool is_held; // until the device has its address
    uint64_t id;
    struct usb_redir_control_packet_header control;
    struct usb_redir_bulk_packet_header bulk;
    struct usb_redir_interrupt_packet_header interrupt;
    uint8_t interface; // of an alternate setting
    uint8_t data[];
};

// An interrupt IN endpoint that is being asked all the time.
struct usbredir_stream {
    struct cable_transfer transfer;
    struct usbredir *redir;
    bool is_on;
    bool is_submitted;
    uint8_t data[WIRE_PACKET_MAX];
};

enum usbredir_address { ADDRESS_DEFAULT, ADDRESS_UNDER_WAY, ADDRESS_GIVEN, ADDRESS_REFUSED };

struct usbredir {
    struct timeline *timeline;
    struct cable *cable;
    struct trace *trace;
    struct usbredirparser *parser; // NULL: no peer
    int fd;
    unsigned to_read; // bytes, in this turn
    bool is_closed;   // by the peer
    bool is_refused;
    bool has_hello;
    bool is_shown;     // the peer knows of the device
    bool is_unsettled; // the peer has not acknowledged the last disconnect
    bool is_resetting;
    bool is_recovering; // from a bus reset: requests are held
    char why[256];      // the parser's last complaint
    struct event settled_event;
    struct event recovered_event;
    struct event addressed_event;
    enum usbredir_address address;
    bool is_fresh; // no request since the bus reset
    struct cable_transfer addressing;
    struct usbredir_request *requests; // in order
    unsigned request_count;
    struct usbredir_stream streams[USBREDIR_ENDPOINTS];
    struct usbredir_view view;
};

// --- usbredir_requests.c --------------------------------------------------------------------------

uint8_t usbredir_status(enum cable_status status);
void usbredir_send_configuration(struct usbredir *redir, uint64_t id, uint8_t status,
                                 uint8_t configuration);
void usbredir_send_alternate(struct usbredir *redir, uint64_t id, uint8_t status, uint8_t interface,
                             uint8_t alternate);
void usbredir_send_view(struct usbredir *redir);
// NULL, and nothing allocated, when there are too many or memory is out. It is in the list, to be submitted.
struct usbredir_request *usbredir_request_new(struct usbredir *redir,
                                              enum usbredir_request_kind kind, uint64_t id,
                                              uint32_t len);
// Puts it through endpoint zero, when the device has its address.
void usbredir_request_control(struct usbredir_request *request, const struct usb_setup *setup);
// Answers it, if there is a peer, and frees it.
void usbredir_request_end(struct usbredir_request *request, uint8_t status, uint32_t actual);
// Ends everything; each is answered `cancelled` while there is a peer.
void usbredir_request_cancel_all(struct usbredir *redir);
// Events: the device may be spoken to after a bus reset; it listens to its new address.
void usbredir_recovered(void *redir);
void usbredir_addressed(void *redir);

// --- usbredir_packets.c ---------------------------------------------------------------------------

// The parser's calls for what is asked of the device.
void usbredir_take_packets(struct usbredirparser *parser);

#endif
