// SPDX-License-Identifier: MIT
//
// Between libumockdev and usbfs: fetches and writes back the memory of programs, and moves calls to
// the simulation's thread and back. What calls mean is usbfs.c's.

#include "vboard/host/umockdev.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/usbdevice_fs.h>
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <umockdev.h>
#include <unistd.h>

#include "vboard/host/sysfs.h"

_Static_assert(CLIENTS_LINE_LEN == CABLE_LINE_LEN, "one is handed on as the other");

#define DEVNUM_MAX 127u // USB 2.0 9.4.6

// An open device node. Made on umockdev's thread at the first call; from then on the simulation's.
struct file {
    struct bridge *bridge;
    struct file *next;
    UMockdevIoctlClient *client;
    unsigned devnum;
    unsigned port;            // where the device was when the file was opened
    struct usbfs_file *usbfs; // NULL when closed
    bool is_root_hub;
    bool has_identity;
    uint32_t slot;
    uint32_t number;
    int fifo;
    unsigned held; // calls whose answer is outstanding
};

struct urb {
    struct usbfs_urb usbfs;
    UMockdevIoctlData *data;   // the program's struct usbdevfs_urb
    UMockdevIoctlData *buffer; // NULL when empty
};

enum what { CALL, VANISHED };

// One call of a program, with its memory fetched.
struct request {
    struct usbfs_call held; // first: usbfs gives it back
    struct request *next;
    enum what what;
    struct file *file;
    UMockdevIoctlClient *client;
    unsigned long number;
    unsigned long argument;
    UMockdevIoctlData *data;   // what the argument points to
    UMockdevIoctlData *buffer; // what that points to
    uint8_t *bounce;
    int fault;
};

struct bridge {
    UMockdevTestbed *testbed;
    UMockdevIoctlBase *handler;
    char *root;
    char *folder;
    struct usbfs *ports[BRIDGE_PORTS_MAX]; // by port number, from 0
    unsigned port_count;
    struct clients *clients;
    struct vboard_page *page; // the clients'
    pthread_mutex_t lock;
    struct request *queue;
    struct request **queue_tail;
    int wake;
    struct file *files;
    bool numbers[VBOARD_FILES_MAX];
    bool attached[DEVNUM_MAX + 1];
};

static void post(struct bridge *bridge, struct request *request) {
    (void)pthread_mutex_lock(&bridge->lock);
    *bridge->queue_tail = request;
    bridge->queue_tail = &request->next;
    (void)pthread_mutex_unlock(&bridge->lock);
    uint64_t one = 1;
    (void)!write(bridge->wake, &one, sizeof one);
}

// -- On umockdev's thread

static void vanished(GObject *client, GParamSpec *what, gpointer ctx) {
    (void)what;
    struct file *file = ctx;
    if (umockdev_ioctl_client_get_connected(UMOCKDEV_IOCTL_CLIENT(client))) {
        return;
    }
    (void)g_signal_handlers_disconnect_by_func(client, (gpointer)(uintptr_t)vanished, file);
    struct request *request = g_new0(struct request, 1);
    request->what = VANISHED;
    request->file = file;
    post(file->bridge, request);
}

static struct file *file_of(struct bridge *bridge, UMockdevIoctlClient *client) {
    struct file *file = g_object_get_data(G_OBJECT(client), "vboard-file");
    if (!file) {
        file = g_new0(struct file, 1);
        file->bridge = bridge;
        file->client = g_object_ref(client);
        file->fifo = -1;
        // "/dev/bus/usb/001/002"
        const char *number = strrchr(umockdev_ioctl_client_get_devnode(client), '/');
        file->devnum = number ? (unsigned)strtoul(number + 1, NULL, 10) : 0;
        file->is_root_hub = file->devnum == SYSFS_ROOT_HUB_DEVNUM;
        g_object_set_data(G_OBJECT(client), "vboard-file", file);
        g_signal_connect(client, "notify::connected", G_CALLBACK(vanished), file);
    }
    return file;
}

static UMockdevIoctlData *resolve(struct request *request, UMockdevIoctlData *in, size_t offset,
                                  size_t len) {
    GError *error = NULL;
    UMockdevIoctlData *data = umockdev_ioctl_data_resolve(in, offset, len, &error);
    if (!data || error) {
        request->fault = EFAULT;
        g_clear_error(&error);
        return NULL;
    }
    return data; // ours: resolve() gives a reference
}

// What an ioctl's argument points to, in bytes; 0 where it is a plain number or nothing.
static size_t argument_bytes(unsigned long number) {
    switch (number) {
    case USBDEVFS_DISCARDURB: // an address that is a name
    case USBDEVFS_RESET:
    case USBDEVFS_GET_SPEED:
    case VBOARD_IOCTL_CLOSE:
        return 0;
    case USBDEVFS_REAPURB: // a pointer to a pointer
    case USBDEVFS_REAPURBNDELAY:
        return sizeof(void *);
    case USBDEVFS_SUBMITURB:
        return sizeof(struct usbdevfs_urb);
    default:
        return _IOC_TYPE(number) == 'U' && _IOC_DIR(number) != _IOC_NONE ? _IOC_SIZE(number) : 0;
    }
}

static void resolve_buffer(struct request *request) {
    size_t offset;
    size_t len;
    switch (request->number) {
    case USBDEVFS_SUBMITURB: {
        const struct usbdevfs_urb *urb = (const void *)request->data->data;
        offset = offsetof(struct usbdevfs_urb, buffer);
        len = urb->buffer_length > 0 ? (size_t)urb->buffer_length : 0;
        request->fault = urb->buffer_length < 0 || len > (16u << 20) ? EINVAL : 0;
        break;
    }
    case USBDEVFS_CONTROL:
        offset = offsetof(struct usbdevfs_ctrltransfer, data);
        len = ((const struct usbdevfs_ctrltransfer *)(const void *)request->data->data)->wLength;
        break;
    case USBDEVFS_BULK:
        offset = offsetof(struct usbdevfs_bulktransfer, data);
        len = ((const struct usbdevfs_bulktransfer *)(const void *)request->data->data)->len;
        request->fault = len > (16u << 20) ? EINVAL : 0;
        break;
    default:
        return;
    }
    if (len > 0 && !request->fault) {
        request->buffer = resolve(request, request->data, offset, len);
    }
}

static gboolean handle_ioctl(UMockdevIoctlBase *base, UMockdevIoctlClient *client, gpointer ctx) {
    (void)base;
    struct bridge *bridge = ctx;
    struct request *request = g_new0(struct request, 1);
    request->what = CALL;
    request->file = file_of(bridge, client);
    request->client = g_object_ref(client);
    // umockdev hands the number on as it came, an int widened to long.
    request->number = (unsigned)umockdev_ioctl_client_get_request(client);
    UMockdevIoctlData *argument = umockdev_ioctl_client_get_arg(client);
    memcpy(&request->argument, argument->data, sizeof request->argument);
    size_t len = argument_bytes(request->number);
    if (len > 0) {
        request->data = resolve(request, argument, 0, len);
        if (request->data) {
            resolve_buffer(request);
        }
    }
    post(bridge, request);
    return TRUE;
}

// -- On the simulation's thread

static void request_free(struct request *request) {
    g_clear_object(&request->client);
    g_clear_object(&request->data);
    g_clear_object(&request->buffer);
    g_free(request);
}

// Answers a call: a result, or -errno.
static void answer(struct request *request, long result) {
    umockdev_ioctl_client_complete(request->client, result < 0 ? -1 : result,
                                   result < 0 ? (int)-result : 0);
    request_free(request);
}

static void urb_free(struct urb *urb) {
    g_clear_object(&urb->data);
    g_clear_object(&urb->buffer);
    g_free(urb);
}

static void urb_drop(struct usbfs_urb *urb) {
    urb_free((struct urb *)urb);
}

static void held_finished(struct usbfs_call *call, long result) {
    struct request *request = (struct request *)call;
    request->file->held--;
    answer(request, result);
}

// A held REAPURB: there is something to reap, or the device is gone.
static void give_urb(struct request *request, struct usbfs_urb *done);

static void reap_finished(struct usbfs_call *call, long result) {
    struct request *request = (struct request *)call;
    request->file->held--;
    struct usbfs_urb *done = result == 0 ? usbfs_reap(request->file->usbfs) : NULL;
    if (done) {
        give_urb(request, done);
    } else {
        answer(request, result < 0 ? result : -EAGAIN);
    }
}

static void give_urb(struct request *request, struct usbfs_urb *done) {
    struct urb *urb = (struct urb *)done;
    struct usbdevfs_urb *program = (void *)urb->data->data;
    program->status = done->status;
    program->actual_length = (int)done->actual;
    program->error_count = 0;
    (void)umockdev_ioctl_data_set_ptr(request->data, 0, urb->data);
    urb_free(urb); // the request's data holds on to what it needs
    answer(request, 0);
}

static void reap(struct request *request, bool waits) {
    struct file *file = request->file;
    struct usbfs_urb *done = usbfs_reap(file->usbfs);
    if (done) {
        give_urb(request, done);
        return;
    }
    if (!waits) {
        answer(request, usbfs_is_connected(file->usbfs) ? -EAGAIN : -ENODEV);
        return;
    }
    request->held.finish = reap_finished;
    file->held++;
    int result = usbfs_reap_wait(file->usbfs, &request->held);
    if (result != USBFS_LATER) {
        reap_finished(&request->held, result);
    }
}

static void submit(struct request *request) {
    const struct usbdevfs_urb *program = (const void *)request->data->data;
    struct urb *urb = g_new0(struct urb, 1);
    urb->usbfs.type = program->type;
    urb->usbfs.endpoint = program->endpoint;
    urb->usbfs.flags = program->flags;
    urb->usbfs.key = request->argument;
    urb->usbfs.drop = urb_drop;
    urb->data = g_object_ref(request->data);
    if (request->buffer) {
        urb->buffer = g_object_ref(request->buffer);
        urb->usbfs.buffer = request->buffer->data;
        urb->usbfs.length = (uint32_t)request->buffer->data_len;
    }
    int result = usbfs_submit(request->file->usbfs, &urb->usbfs);
    if (result != 0) {
        urb_free(urb);
    }
    answer(request, result);
}

static int control(struct request *request) {
    const struct usbdevfs_ctrltransfer *program = (const void *)request->data->data;
    uint8_t setup[USB_SETUP_LEN];
    usb_setup_store(
        &(struct usb_setup){
            .bmRequestType = program->bRequestType,
            .bRequest = program->bRequest,
            .wValue = program->wValue,
            .wIndex = program->wIndex,
            .wLength = program->wLength,
        },
        setup);
    return usbfs_control(request->file->usbfs, setup,
                         request->buffer ? request->buffer->data : NULL, program->timeout,
                         &request->held);
}

static int bulk(struct request *request) {
    const struct usbdevfs_bulktransfer *program = (const void *)request->data->data;
    return usbfs_bulk(request->file->usbfs, program->ep,
                      request->buffer ? request->buffer->data : NULL,
                      request->buffer ? (unsigned)request->buffer->data_len : 0, program->timeout,
                      &request->held);
}

static void tell_ready(struct file *file) {
    if (!file->has_identity || !file->usbfs) {
        return;
    }
    bool urb;
    bool gone;
    usbfs_file_ready(file->usbfs, &urb, &gone);
    uint32_t ready = (urb ? VBOARD_URB_READY : 0) | (gone ? VBOARD_DEVICE_GONE : 0);
    uint32_t before = atomic_exchange(&file->bridge->page->ready[file->number], ready);
    char byte = 0;
    if (ready && !before) {
        (void)!write(file->fifo, &byte, 1);
    } else if (!ready && before) {
        (void)!read(file->fifo, &byte, 1);
    }
}

void bridge_file_ready(void *ctx, struct usbfs_file *file) {
    (void)ctx;
    struct file *ours = usbfs_file_ctx(file);
    if (ours) {
        tell_ready(ours);
    }
}

static void fifo_path(const struct bridge *bridge, uint32_t number, char path[160]) {
    (void)snprintf(path, 160, "%.120s/ready-%u", bridge->folder, number);
}

static int identify(struct request *request) {
    struct file *file = request->file;
    struct bridge *bridge = file->bridge;
    struct vboard_identify *identity = (void *)request->data->data;
    if (file->has_identity || identity->slot >= VBOARD_PROCESSES_MAX) {
        return -EINVAL;
    }
    uint32_t number = 0;
    while (number < VBOARD_FILES_MAX && bridge->numbers[number]) {
        number++;
    }
    if (number == VBOARD_FILES_MAX) {
        return -ENFILE;
    }
    char path[160];
    fifo_path(bridge, number, path);
    if (mkfifo(path, 0600) != 0 || (file->fifo = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC)) < 0) {
        return -errno;
    }
    bridge->numbers[number] = true;
    atomic_store(&bridge->page->ready[number], 0);
    file->number = number;
    file->slot = identity->slot;
    file->has_identity = true;
    identity->file = number;
    usbfs_file_set_line(file->usbfs, clients_line(bridge->clients, file->slot));
    tell_ready(file);
    return 0;
}

// Ends what the file has under way. Its struct stays until umockdev's thread says it vanished.
static void shut(struct file *file) {
    struct bridge *bridge = file->bridge;
    if (file->usbfs) {
        usbfs_close(file->usbfs);
        file->usbfs = NULL;
    }
    if (file->has_identity) {
        char path[160];
        fifo_path(bridge, file->number, path);
        (void)unlink(path);
        bridge->numbers[file->number] = false;
        file->has_identity = false;
    }
    if (file->fifo >= 0) {
        (void)close(file->fifo);
        file->fifo = -1;
    }
}

// Linux' enum usb_device_speed (linux/usb/ch9.h): low 1, full 2, high 3.
static int linux_speed(enum usb_speed speed) {
    switch (speed) {
    case USB_SPEED_LOW:
        return 1;
    case USB_SPEED_FULL:
        return 2;
    case USB_SPEED_HIGH:
        return 3;
    default:
        return 0;
    }
}

static uint32_t word(const struct request *request) {
    uint32_t value;
    memcpy(&value, request->data->data, sizeof value);
    return value;
}

static int disconnect_claim(struct request *request) {
    const struct usbdevfs_disconnect_claim *claim = (const void *)request->data->data;
    // No kernel driver is ever bound, so there is nothing to disconnect, whatever the flags.
    return usbfs_claim(request->file->usbfs, claim->interface);
}

static int get_driver(struct request *request) {
    struct usbdevfs_getdriver *driver = (void *)request->data->data;
    int result = usbfs_get_driver(request->file->usbfs, driver->interface);
    if (result == 0) {
        (void)snprintf(driver->driver, sizeof driver->driver, "usbfs");
    }
    return result;
}

static int connect_info(struct request *request) {
    struct usbdevfs_connectinfo *info = (void *)request->data->data;
    info->devnum = usbfs_devnum(request->file->usbfs);
    info->slow = usbfs_speed(request->file->usbfs) == USB_SPEED_LOW;
    return 0;
}

static int connect_info_ex(struct request *request) {
    struct usbdevfs_conninfo_ex info = {
        .size = sizeof info,
        .busnum = USBFS_BUS,
        .devnum = usbfs_devnum(request->file->usbfs),
        .speed = (uint32_t)linux_speed(usbfs_speed(request->file->usbfs)),
        .num_ports = 1,
        .ports = {(uint8_t)request->file->port},
    };
    size_t len = (size_t)request->data->data_len;
    memcpy(request->data->data, &info, len < sizeof info ? len : sizeof info);
    return 0;
}

static int capabilities(struct request *request) {
    uint32_t caps = USBDEVFS_CAP_ZERO_PACKET | USBDEVFS_CAP_NO_PACKET_SIZE_LIM |
                    USBDEVFS_CAP_REAP_AFTER_DISCONNECT | USBDEVFS_CAP_CONNINFO_EX;
    memcpy(request->data->data, &caps, sizeof caps);
    return 0;
}

// Calls on a device that is there: 0, a result, -errno, or USBFS_LATER.
static int call_connected(struct request *request) {
    struct usbfs_file *file = request->file->usbfs;
    switch (request->number) {
    case USBDEVFS_CLAIMINTERFACE:
        return usbfs_claim(file, word(request));
    case USBDEVFS_RELEASEINTERFACE:
        return usbfs_release(file, word(request), &request->held);
    case USBDEVFS_DISCONNECT_CLAIM:
        return disconnect_claim(request);
    case USBDEVFS_SETINTERFACE: {
        const struct usbdevfs_setinterface *set = (const void *)request->data->data;
        return usbfs_set_interface(file, set->interface, set->altsetting, &request->held);
    }
    case USBDEVFS_SETCONFIGURATION:
        return usbfs_set_configuration(file, (int)word(request), &request->held);
    case USBDEVFS_CLEAR_HALT:
        return usbfs_clear_halt(file, word(request), &request->held);
    case USBDEVFS_RESETEP:
        return usbfs_reset_endpoint(file, word(request));
    case USBDEVFS_RESET:
        return usbfs_reset(file, &request->held);
    case USBDEVFS_CONTROL:
        return control(request);
    case USBDEVFS_BULK:
        return bulk(request);
    case USBDEVFS_DISCARDURB:
        return usbfs_discard(file, request->argument);
    case USBDEVFS_GETDRIVER:
        return get_driver(request);
    case USBDEVFS_IOCTL: // to a kernel driver: none is bound
        return -ENODATA;
    case USBDEVFS_GET_CAPABILITIES:
        return capabilities(request);
    case USBDEVFS_CONNECTINFO:
        return connect_info(request);
    case USBDEVFS_GET_SPEED:
        return linux_speed(usbfs_speed(file));
    case USBDEVFS_DROP_PRIVILEGES:
        return 0;
    default:
        if (_IOC_TYPE(request->number) == 'U' && _IOC_NR(request->number) == 32 && request->data) {
            return connect_info_ex(request);
        }
        return -ENOTTY;
    }
}

// The root hub has descriptors to read and answers nothing else: STALL, as for requests a hub
// does not know.
static void call_root_hub(struct request *request) {
    switch (request->number) {
    case USBDEVFS_GET_CAPABILITIES:
        answer(request, capabilities(request));
        break;
    case USBDEVFS_CONTROL:
    case USBDEVFS_SUBMITURB:
        answer(request, -EPIPE);
        break;
    case USBDEVFS_CLAIMINTERFACE:
        answer(request, -EBUSY); // the hub driver has it
        break;
    case USBDEVFS_REAPURBNDELAY:
        answer(request, -EAGAIN);
        break;
    default:
        answer(request, -ENOTTY);
        break;
    }
}

// A number that no device has any more (the node was opened just before it went) may be opened at any port:
// the file answers ENODEV.
static void open_usbfs(struct bridge *bridge, struct file *file) {
    unsigned at = 0;
    for (unsigned i = 0; i < bridge->port_count; i++) {
        at = usbfs_has(bridge->ports[i], file->devnum) ? i : at;
    }
    file->port = at + 1;
    file->usbfs = usbfs_open(bridge->ports[at], file->devnum);
    usbfs_file_set_ctx(file->usbfs, file);
}

static void serve_call(struct bridge *bridge, struct request *request) {
    struct file *file = request->file;
    if (request->fault) {
        answer(request, -request->fault);
        return;
    }
    if (!file->usbfs) {
        open_usbfs(bridge, file);
        file->next = bridge->files;
        bridge->files = file;
    }
    switch (request->number) {
    case VBOARD_IOCTL_IDENTIFY:
        answer(request, identify(request));
        return;
    case VBOARD_IOCTL_CLOSE:
        // The file stays open towards usbfs, without anything in it, until it vanishes.
        shut(file);
        open_usbfs(bridge, file);
        answer(request, 0);
        return;
    default:
        break;
    }
    if (file->is_root_hub) {
        call_root_hub(request);
        return;
    }
    if (request->number == USBDEVFS_REAPURB || request->number == USBDEVFS_REAPURBNDELAY) {
        reap(request, request->number == USBDEVFS_REAPURB);
        return;
    }
    if (!usbfs_is_connected(file->usbfs)) {
        answer(request, -ENODEV);
        return;
    }
    if (request->number == USBDEVFS_SUBMITURB) {
        submit(request);
        return;
    }
    request->held.finish = held_finished;
    file->held++;
    int result = call_connected(request);
    if (result != USBFS_LATER) {
        held_finished(&request->held, result);
    }
}

static void forget(struct bridge *bridge, struct file *file) {
    for (struct file **at = &bridge->files; *at; at = &(*at)->next) {
        if (*at == file) {
            *at = file->next;
            break;
        }
    }
    shut(file);
    g_object_set_data(G_OBJECT(file->client), "vboard-file", NULL);
    g_object_unref(file->client);
    g_free(file);
}

static struct request *take_queue(struct bridge *bridge) {
    uint64_t count;
    (void)!read(bridge->wake, &count, sizeof count);
    (void)pthread_mutex_lock(&bridge->lock);
    struct request *queue = bridge->queue;
    bridge->queue = NULL;
    bridge->queue_tail = &bridge->queue;
    (void)pthread_mutex_unlock(&bridge->lock);
    return queue;
}

bool bridge_take(struct bridge *bridge, void (*before)(void *ctx), void *ctx) {
    struct request *request = take_queue(bridge);
    bool any = request != NULL;
    if (any && before) {
        before(ctx);
    }
    while (request) {
        struct request *next = request->next;
        request->next = NULL;
        if (request->what == VANISHED) {
            forget(bridge, request->file);
            request_free(request);
        } else {
            serve_call(bridge, request);
        }
        request = next;
    }
    return any;
}

void bridge_process_gone(struct bridge *bridge, uint32_t slot) {
    for (struct file *file = bridge->files; file; file = file->next) {
        if (file->has_identity && file->slot == slot) {
            shut(file);
            open_usbfs(bridge, file);
        }
    }
}

bool bridge_is_settled(struct bridge *bridge) {
    uint32_t held[VBOARD_PROCESSES_MAX] = {0};
    for (const struct file *file = bridge->files; file; file = file->next) {
        if (file->has_identity) {
            held[file->slot] += file->held;
        }
    }
    for (uint32_t slot = 0; slot < VBOARD_PROCESSES_MAX; slot++) {
        if (atomic_load(&bridge->page->in_call[slot]) != held[slot]) {
            return false;
        }
    }
    return true;
}

int bridge_fd(const struct bridge *bridge) {
    return bridge->wake;
}

static void attach(struct bridge *bridge, unsigned devnum) {
    char node[32];
    sysfs_node_path(node, devnum);
    if (bridge->attached[devnum]) {
        return; // the listener of an earlier device with this number serves it as well
    }
    GError *error = NULL;
    bridge->attached[devnum] =
        umockdev_testbed_attach_ioctl(bridge->testbed, node, bridge->handler, &error);
    g_clear_error(&error);
}

void bridge_device_ready(struct bridge *bridge, unsigned port, const struct usb_device *device) {
    attach(bridge, usbfs_number(device));
    sysfs_add_device(bridge->testbed, port, device);
}

void bridge_device_gone(struct bridge *bridge, unsigned port, const struct usb_device *device) {
    sysfs_remove_device(bridge->testbed, port, device);
}

void bridge_set_port(struct bridge *bridge, unsigned port, struct usbfs *usbfs) {
    bridge->ports[port - 1] = usbfs;
}

void bridge_connect(struct bridge *bridge, struct clients *clients) {
    bridge->clients = clients;
    bridge->page = clients_page(clients);
    attach(bridge, SYSFS_ROOT_HUB_DEVNUM);
}

const char *bridge_root(const struct bridge *bridge) {
    return bridge->root;
}

const char *bridge_folder(const struct bridge *bridge) {
    return bridge->folder;
}

struct bridge *bridge_new(unsigned port_count, char why[256]) {
    // libumockdev ends the program where it cannot make its folder, so look first.
    const char *tmp = g_get_tmp_dir();
    // "<tmp>/umockdev.XXXXXX/ioctl//dev/bus/usb/001/002" must fit a Unix socket's 108 characters.
    if (strlen(tmp) > 55 || access(tmp, W_OK | X_OK) != 0) {
        (void)snprintf(
            why, 256, "%.120s: cannot make temporary folders there (%s); set TMPDIR", tmp,
            strlen(tmp) > 55 ? "the name is longer than 55 characters" : strerror(errno));
        return NULL;
    }
    struct bridge *bridge = g_new0(struct bridge, 1);
    (void)pthread_mutex_init(&bridge->lock, NULL);
    bridge->port_count = port_count;
    bridge->queue_tail = &bridge->queue;
    bridge->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    bridge->testbed = umockdev_testbed_new();
    bridge->root = umockdev_testbed_get_root_dir(bridge->testbed);
    bridge->folder = g_build_filename(bridge->root, "vboard", NULL);
    bridge->handler = umockdev_ioctl_base_new();
    g_signal_connect(bridge->handler, "handle-ioctl", G_CALLBACK(handle_ioctl), bridge);
    if (bridge->wake < 0 || mkdir(bridge->folder, 0700) != 0) {
        (void)snprintf(why, 256, "%.120s: %s", bridge->folder, strerror(errno));
        bridge_free(bridge);
        return NULL;
    }
    sysfs_add_root_hub(bridge->testbed, port_count);
    return bridge;
}

// libumockdev removes only what it made; the folder of ours is flat.
static void remove_folder(const char *folder) {
    GDir *entries = g_dir_open(folder, 0, NULL);
    const char *name;
    while (entries && (name = g_dir_read_name(entries))) {
        char *path = g_build_filename(folder, name, NULL);
        (void)unlink(path);
        g_free(path);
    }
    if (entries) {
        g_dir_close(entries);
    }
    (void)rmdir(folder);
}

void bridge_free(struct bridge *bridge) {
    if (!bridge) {
        return;
    }
    // After this nobody is served any more: programs that still run get no answer, and COMMAND and
    // its children are ended before (command.c).
    (void)g_signal_handlers_disconnect_by_func(bridge->handler, (gpointer)(uintptr_t)handle_ioctl,
                                               bridge);
    for (struct file *file = bridge->files; file; file = file->next) {
        (void)g_signal_handlers_disconnect_by_func(file->client, (gpointer)(uintptr_t)vanished,
                                                   file);
    }
    (void)bridge_take(bridge, NULL, NULL);
    while (bridge->files) {
        forget(bridge, bridge->files);
    }
    remove_folder(bridge->folder);
    for (unsigned devnum = 0; devnum <= DEVNUM_MAX; devnum++) {
        if (bridge->attached[devnum]) {
            char node[32];
            sysfs_node_path(node, devnum);
            (void)umockdev_testbed_detach_ioctl(bridge->testbed, node, NULL);
        }
    }
    g_object_unref(bridge->testbed); // removes the folder
    g_object_unref(bridge->handler);
    (void)close(bridge->wake);
    g_free(bridge->folder);
    g_free(bridge->root);
    (void)pthread_mutex_destroy(&bridge->lock);
    g_free(bridge);
}
