// SPDX-License-Identifier: MIT
//
// URBs of the client that has the device, to transfers on the cable and back. What a Linux server does
// besides with some requests (drivers/usb/usbip/stub_rx.c) is done here as well: CLEAR_FEATURE(HALT),
// SET_INTERFACE and SET_CONFIGURATION restart toggles, and SET_FEATURE(PORT_RESET) resets the device.

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "vboard/host/usbip_internal.h"

enum { CMD_SUBMIT = 1, CMD_UNLINK = 2, RET_SUBMIT = 3, RET_UNLINK = 4 };
enum { DIR_OUT = 0, DIR_IN = 1 };
// transfer_flags (include/uapi/linux/usbip.h).
enum { URB_SHORT_NOT_OK = 0x0001, URB_ZERO_PACKET = 0x0040 };
// USB 2.0 11.24.2: SET_FEATURE(PORT_RESET) to a port.
enum { TO_PORT = 0x23, PORT_RESET = 4 };
#define ENDPOINTS      16u
#define ISO_DESCRIPTOR 16u
#define ISO_MAX        1024u // of an URB (USBIP_MAX_ISO_PACKETS)
// Longer than any URB of a Linux; what follows such a header is not believed.
#define PAYLOAD_MAX    (16u << 20)
#define READ_A_TURN    (256u << 10)
// Linux' errno numbers, which is what travels, whatever this machine's are.
enum {
    LINUX_ENOENT = 2,
    LINUX_ENOMEM = 12,
    LINUX_EINVAL = 22,
    LINUX_EPIPE = 32,
    LINUX_EPROTO = 71,
    LINUX_EOVERFLOW = 75,
    LINUX_ECONNRESET = 104,
    LINUX_ESHUTDOWN = 108,
    LINUX_EREMOTEIO = 121,
};

struct usbip_request {
    struct cable_transfer transfer;
    struct usbip *usbip;
    struct usbip_request *next;
    uint32_t seqnum;
    uint32_t flags;
    bool is_unlinked;
    uint8_t data[];
};

// --- answers ------------------------------------------------------------------------------------------

void usbip_put(struct usbip_client *client, const uint8_t *bytes, size_t len) {
    if (client->fd < 0 || client->is_broken) {
        return;
    }
    if (client->out_len + len > client->out_room) {
        size_t room = (client->out_len + len) * 2;
        uint8_t *out = realloc(client->out, room);
        if (out == NULL) {
            client->is_broken = true;
            return;
        }
        client->out = out;
        client->out_room = room;
    }
    memcpy(client->out + client->out_len, bytes, len);
    client->out_len += len;
}

static void put_header(struct usbip *usbip, uint32_t command, uint32_t seqnum, int status,
                       uint32_t actual) {
    uint8_t header[USBIP_HEADER] = {0};
    store_be32(header, command);
    store_be32(header + 4, seqnum);
    store_be32(header + 0x14, (uint32_t)status);
    store_be32(header + 0x18, actual);
    usbip_put(&usbip->client, header, sizeof header);
}

static int status_of(const struct usbip_request *request) {
    const struct cable_transfer *transfer = &request->transfer;
    switch (transfer->status) {
    case CABLE_OK:
        return transfer->in && (request->flags & URB_SHORT_NOT_OK) &&
                       transfer->actual < transfer->length
                   ? -LINUX_EREMOTEIO
                   : 0;
    case CABLE_STALL:
        return -LINUX_EPIPE;
    case CABLE_BABBLE:
        return -LINUX_EOVERFLOW;
    case CABLE_CANCELLED:
        return -LINUX_ECONNRESET;
    case CABLE_GONE:
        return -LINUX_ESHUTDOWN;
    case CABLE_NO_ANSWER:
        break;
    }
    return -LINUX_EPROTO;
}

// --- the device ---------------------------------------------------------------------------------------

void usbip_learn_device(struct usbip *usbip) {
    const struct usb_device *device = usbip->device;
    struct usb_setup setup = {
        .bmRequestType = USB_DIR_IN, .bRequest = USB_GET_DESCRIPTOR, .wValue = USB_DT_DEVICE << 8};
    view_clear(&usbip->view);
    (void)view_learn(&usbip->view, &setup, device->device_descriptor, USB_DEVICE_DESCRIPTOR_LEN);
    uint32_t off = USB_DEVICE_DESCRIPTOR_LEN;
    for (unsigned i = 0; off + USB_CONFIG_DESCRIPTOR_LEN <= device->descriptors_len; i++) {
        const uint8_t *at = device->descriptors + off;
        uint32_t len = load_le16(at + 2), left = device->descriptors_len - off;
        len = len < left ? len : left;
        if (len < USB_CONFIG_DESCRIPTOR_LEN) {
            break;
        }
        setup.wValue = (uint16_t)(USB_DT_CONFIGURATION << 8 | i);
        (void)view_learn(&usbip->view, &setup, at, len);
        off += len;
    }
    struct usb_setup configure = {.bRequest = USB_SET_CONFIGURATION,
                                  .wValue = device->configuration};
    (void)view_learn(&usbip->view, &configure, NULL, 0);
}

static void control_succeeded(struct usbip_request *request) {
    struct usbip *usbip = request->usbip;
    struct usb_setup setup = usb_setup_load(request->transfer.setup);
    bool is_clear_halt = setup.bmRequestType == USB_RECIPIENT_ENDPOINT &&
                         setup.bRequest == USB_CLEAR_FEATURE &&
                         setup.wValue == USB_FEATURE_ENDPOINT_HALT;
    if (view_learn(&usbip->view, &setup, request->data, request->transfer.actual) ||
        is_clear_halt) {
        view_restart_toggles(&usbip->view, &setup, usbip->cable);
    }
}

static void reset_done(void *ctx, bool ok) {
    struct usbip *usbip = ctx;
    usbip->is_resetting = false;
    if (ok && usbip->device != NULL) {
        usbip_learn_device(usbip); // all interfaces are in their first setting again
    }
    if (usbip->is_reset_awaited) {
        usbip->is_reset_awaited = false;
        put_header(usbip, RET_SUBMIT, usbip->reset_seqnum, ok ? 0 : -LINUX_EPIPE, 0);
    }
}

// --- requests -----------------------------------------------------------------------------------------

static void end_request(struct usbip_request *request) {
    struct usbip *usbip = request->usbip;
    struct usbip_request **at = &usbip->requests;
    while (*at != request) {
        at = &(*at)->next;
    }
    *at = request->next;
    usbip->request_count--;
    free(request);
}

static void request_done(struct cable_transfer *transfer, void *ctx) {
    struct usbip_request *request = ctx;
    struct usbip *usbip = request->usbip;
    if (transfer->status == CABLE_OK && transfer->type == USB_XFER_CONTROL) {
        control_succeeded(request);
    }
    if (!request->is_unlinked) {
        put_header(usbip, RET_SUBMIT, request->seqnum, status_of(request), transfer->actual);
        if (transfer->in) {
            usbip_put(&usbip->client, request->data, transfer->actual);
        }
    }
    end_request(request);
}

static struct usbip_request *new_request(struct usbip *usbip, uint32_t len) {
    if (usbip->request_count >= USBIP_REQUESTS_MAX || len > USBIP_BYTES_MAX) {
        return NULL;
    }
    struct usbip_request *request = calloc(1, sizeof *request + len);
    if (request == NULL) {
        return NULL;
    }
    request->usbip = usbip;
    request->transfer.address = usbip->device->address;
    request->transfer.data = request->data;
    request->transfer.length = len;
    request->transfer.done = request_done;
    request->transfer.ctx = request;
    return request;
}

static void submit(struct usbip_request *request) {
    struct usbip *usbip = request->usbip;
    struct usbip_request **end = &usbip->requests;
    while (*end != NULL) {
        end = &(*end)->next;
    }
    *end = request;
    usbip->request_count++;
    cable_submit(usbip->cable, &request->transfer);
}

static void complain_of_isochronous(struct usbip *usbip, uint32_t number, bool in) {
    char key[8];
    unsigned address = (unsigned)number | (in ? USB_DIR_IN : 0);
    (void)snprintf(key, sizeof key, "%02x", address);
    trace_complaint(
        usbip->trace, "isochronous", key,
        "the USB/IP client wants isochronous transfers at endpoint 0x%02X, which vboard "
        "does not carry: they fail (EINVAL); its other transfers go on",
        address);
}

// What kind of transfer a header asks for; 0, or why it is none, negative.
static int describe_transfer(struct usbip *usbip, const uint8_t *header,
                             struct cable_transfer *transfer) {
    uint32_t number = load_be32(header + 0x10);
    transfer->in = load_be32(header + 0x0c) == DIR_IN;
    transfer->zero_packet = (load_be32(header + 0x14) & URB_ZERO_PACKET) != 0;
    if (number == 0) {
        struct usb_setup setup = usb_setup_load(header + 0x28);
        bool is_set_address = setup.bmRequestType == 0 && setup.bRequest == USB_SET_ADDRESS;
        transfer->type = USB_XFER_CONTROL;
        transfer->packet_bytes = usbip->view.ep0_bytes;
        memcpy(transfer->setup, header + 0x28, USB_SETUP_LEN);
        // What the URB says of an empty data stage does not count; else the two must agree.
        bool in = (setup.bmRequestType & USB_DIR_IN) != 0;
        bool is_odd = setup.wLength > 0 && in != transfer->in;
        transfer->in = in;
        // Addresses are ours, and a buffer has room for what the request asks for.
        bool is_short = setup.wLength > load_be32(header + 0x18);
        return is_set_address || is_odd || is_short ? -LINUX_EINVAL : 0;
    }
    const struct usbredir_endpoint *endpoint =
        number < ENDPOINTS
            ? view_endpoint(&usbip->view, (uint8_t)(number | (transfer->in ? USB_DIR_IN : 0)))
            : NULL;
    if (endpoint == NULL || endpoint->packet_bytes == 0) {
        return -LINUX_ENOENT;
    }
    if (endpoint->type == USB_XFER_ISOCHRONOUS) {
        complain_of_isochronous(usbip, number, transfer->in);
        return -LINUX_EINVAL;
    }
    if (endpoint->type != USB_XFER_BULK && endpoint->type != USB_XFER_INTERRUPT) {
        return -LINUX_EINVAL;
    }
    transfer->type = (enum usb_transfer_type)endpoint->type;
    transfer->endpoint = (uint8_t)number;
    transfer->packet_bytes = endpoint->packet_bytes;
    transfer->interval = endpoint->interval;
    return 0;
}

// Bytes of isochronous packet descriptors that follow the payload.
static uint32_t iso_bytes(const struct usbip *usbip, const uint8_t *header) {
    uint32_t number = load_be32(header + 0x10), packets = load_be32(header + 0x20);
    bool in = load_be32(header + 0x0c) == DIR_IN;
    const struct usbredir_endpoint *endpoint =
        number > 0 && number < ENDPOINTS
            ? view_endpoint(&usbip->view, (uint8_t)(number | (in ? USB_DIR_IN : 0)))
            : NULL;
    return endpoint != NULL && endpoint->type == USB_XFER_ISOCHRONOUS && packets <= ISO_MAX
               ? packets * ISO_DESCRIPTOR
               : 0;
}

static bool is_port_reset(const uint8_t *header) {
    struct usb_setup setup = usb_setup_load(header + 0x28);
    return load_be32(header + 0x10) == 0 && setup.bmRequestType == TO_PORT &&
           setup.bRequest == USB_SET_FEATURE && setup.wValue == PORT_RESET;
}

static void reset_device(struct usbip *usbip, uint32_t seqnum) {
    if (usbip->is_resetting) {
        put_header(usbip, RET_SUBMIT, seqnum, -LINUX_EPIPE, 0);
        return;
    }
    usbip->is_resetting = usbip->is_reset_awaited = true;
    usbip->reset_seqnum = seqnum;
    enumerator_reset_device(usbip->enumerator, reset_done, usbip);
}

// An URB's header is there; its payload comes next, if it has one.
static void take_submit(struct usbip *usbip) {
    struct usbip_client *client = &usbip->client;
    const uint8_t *header = client->header;
    uint32_t seqnum = load_be32(header + 4), length = load_be32(header + 0x18);
    bool has_payload = load_be32(header + 0x0c) == DIR_OUT;
    if (length > PAYLOAD_MAX) {
        client->fault = "an URB of more than 16 MB";
        return;
    }
    client->to_skip = iso_bytes(usbip, header);
    if (is_port_reset(header) && length == 0) {
        reset_device(usbip, seqnum);
        return;
    }
    struct cable_transfer transfer = {0};
    int refused = describe_transfer(usbip, header, &transfer);
    struct usbip_request *request = refused == 0 ? new_request(usbip, length) : NULL;
    if (request == NULL) {
        client->to_skip += has_payload ? length : 0;
        put_header(usbip, RET_SUBMIT, seqnum, refused != 0 ? refused : -LINUX_ENOMEM, 0);
        return;
    }
    request->seqnum = seqnum;
    request->flags = load_be32(header + 0x14);
    request->transfer.type = transfer.type;
    request->transfer.endpoint = transfer.endpoint;
    request->transfer.in = transfer.in;
    request->transfer.packet_bytes = transfer.packet_bytes;
    request->transfer.interval = transfer.interval;
    request->transfer.zero_packet = transfer.zero_packet;
    memcpy(request->transfer.setup, transfer.setup, USB_SETUP_LEN);
    if (transfer.type == USB_XFER_CONTROL) {
        request->transfer.length = usb_setup_load(transfer.setup).wLength;
    }
    if (has_payload && length > 0) {
        client->incoming = request;
        client->payload_got = 0;
    } else {
        submit(request);
    }
}

static void take_unlink(struct usbip *usbip) {
    const uint8_t *header = usbip->client.header;
    uint32_t seqnum = load_be32(header + 0x14);
    int status = 0; // it was answered already: the two crossed
    for (struct usbip_request *request = usbip->requests; request != NULL;
         request = request->next) {
        if (request->seqnum == seqnum) {
            request->is_unlinked = true;
            cable_cancel(usbip->cable, &request->transfer);
            status = -LINUX_ECONNRESET;
            break;
        }
    }
    put_header(usbip, RET_UNLINK, load_be32(header + 4), status, 0);
}

static void take_header(struct usbip *usbip) {
    struct usbip_client *client = &usbip->client;
    uint32_t command = load_be32(client->header);
    if (load_be32(client->header + 8) != usbip_devid(usbip)) {
        client->fault = "a request for another device";
    } else if (command == CMD_SUBMIT) {
        take_submit(usbip);
    } else if (command == CMD_UNLINK) {
        take_unlink(usbip);
    } else {
        client->fault = "neither CMD_SUBMIT nor CMD_UNLINK";
    }
}

// --- the connection -----------------------------------------------------------------------------------

// Where the next bytes go, and how many of them.
static size_t wanted(struct usbip_client *client, uint8_t *rubbish, size_t rubbish_room,
                     uint8_t **to) {
    if (client->incoming != NULL) {
        *to = client->incoming->data + client->payload_got;
        return load_be32(client->header + 0x18) - client->payload_got;
    }
    if (client->to_skip > 0) {
        *to = rubbish;
        return client->to_skip < rubbish_room ? client->to_skip : rubbish_room;
    }
    *to = client->header + client->header_got;
    return USBIP_HEADER - client->header_got;
}

static void took(struct usbip *usbip, size_t len) {
    struct usbip_client *client = &usbip->client;
    if (client->incoming != NULL) {
        client->payload_got += (uint32_t)len;
        if (client->payload_got == load_be32(client->header + 0x18)) {
            struct usbip_request *request = client->incoming;
            client->incoming = NULL;
            submit(request);
        }
    } else if (client->to_skip > 0) {
        client->to_skip -= (uint32_t)len;
    } else {
        client->header_got += len;
        if (client->header_got == USBIP_HEADER) {
            client->header_got = 0;
            take_header(usbip);
        }
    }
}

static bool read_some(struct usbip *usbip) {
    struct usbip_client *client = &usbip->client;
    uint8_t rubbish[4096];
    size_t total = 0;
    while (total < READ_A_TURN && client->out_len < USBIP_UNSENT_MAX && client->fault == NULL) {
        uint8_t *to;
        size_t want = wanted(client, rubbish, sizeof rubbish, &to);
        ssize_t n = recv(client->fd, to, want, MSG_DONTWAIT);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0 && errno == EAGAIN) {
            return true;
        }
        if (n <= 0) {
            return false;
        }
        total += (size_t)n;
        took(usbip, (size_t)n);
    }
    return client->fault == NULL;
}

static bool write_some(struct usbip_client *client) {
    while (client->out_len > 0) {
        ssize_t n = send(client->fd, client->out, client->out_len, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return errno == EAGAIN;
        }
        client->out_len -= (size_t)n;
        memmove(client->out, client->out + n, client->out_len);
    }
    return true;
}

bool usbip_exchange(struct usbip *usbip) {
    struct usbip_client *client = &usbip->client;
    return read_some(usbip) && write_some(client) && !client->is_broken;
}

void usbip_attach(struct usbip *usbip, int fd) {
    usbip->client = (struct usbip_client){.fd = fd};
}

void usbip_leave(struct usbip *usbip) {
    struct usbip_client *client = &usbip->client;
    if (client->fd < 0) {
        return;
    }
    (void)write_some(client); // what was answered before
    (void)close(client->fd);
    client->fd = -1;
    usbip->is_reset_awaited = false;
    free(client->incoming);
    client->incoming = NULL;
    while (usbip->requests != NULL) {
        cable_cancel(usbip->cable, &usbip->requests->transfer);
    }
    free(client->out);
    client->out = NULL;
    client->out_len = client->out_room = 0;
    trace_event(usbip->trace, TRACE_USB, "guest-gone", "");
}
