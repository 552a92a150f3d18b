// SPDX-License-Identifier: MIT
//
// sysfs attributes as Linux makes them (drivers/usb/core/sysfs.c): formats, spaces and new lines.
// Device numbers 189:(bus - 1) * 128 + devnum - 1 (Documentation/admin-guide/devices.txt).

#include "vboard/host/sysfs.h"

#include <stdio.h>
#include <string.h>

#include "vboard/host/uevent.h"
#include "vboard/host/usbfs.h"

#define HUB_NAME  "platform/vboard/usb1"
#define HUB_PATH  "/sys/devices/" HUB_NAME
#define USB_MAJOR 189

// What a Linux 6.1 root hub says of itself (drivers/usb/core/hcd.c, usb2_rh_dev_descriptor and
// hs_rh_config_descriptor).
static const uint8_t root_hub_descriptors[] = {
    18, 1, 0x00, 0x02, 9, 0, 1,  64,   0x6b, 0x1d, 0x02, 0x00, 0x01, 0x06, 0, 0, 0, 1, // device
    9,  2, 25,   0,    1, 1, 0,  0xe0, 0, // configuration
    9,  4, 0,    0,    1, 9, 0,  0,    0, // interface
    7,  5, 0x81, 3,    4, 0, 12,          // endpoint
};

struct attributes {
    char *at[64];
    size_t count;
};

static void put(struct attributes *list, const char *name, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void put(struct attributes *list, const char *name, const char *format, ...) {
    va_list args;
    va_start(args, format);
    char *value = g_strdup_vprintf(format, args);
    va_end(args);
    g_assert(list->count + 3 <= G_N_ELEMENTS(list->at));
    list->at[list->count++] = g_strdup(name);
    list->at[list->count++] = value;
    list->at[list->count] = NULL;
}

static void clear(struct attributes *list) {
    for (size_t i = 0; i < list->count; i++) {
        g_free(list->at[i]);
    }
    list->count = 0;
}

void sysfs_node_path(char path[32], unsigned devnum) {
    (void)snprintf(path, 32, "/dev/bus/usb/%03u/%03u", 1u, devnum);
}

static unsigned minor_of(unsigned devnum) {
    return devnum - 1; // bus 1
}

static const char *speed_text(enum usb_speed speed) {
    switch (speed) {
    case USB_SPEED_LOW:
        return "1.5";
    case USB_SPEED_HIGH:
        return "480";
    default:
        return "12";
    }
}

static void put_device_attributes(struct attributes *list, const uint8_t *descriptors,
                                  unsigned devnum, const char *speed) {
    const uint8_t *device = descriptors;
    const uint8_t *configuration = descriptors + USB_DEVICE_DESCRIPTOR_LEN;
    put(list, "busnum", "1\n");
    put(list, "devnum", "%u\n", devnum);
    put(list, "speed", "%s\n", speed);
    put(list, "version", "%2x.%02x\n", device[3], device[2]);
    put(list, "bDeviceClass", "%02x\n", device[4]);
    put(list, "bDeviceSubClass", "%02x\n", device[5]);
    put(list, "bDeviceProtocol", "%02x\n", device[6]);
    put(list, "bMaxPacketSize0", "%u\n", device[7]);
    put(list, "idVendor", "%04x\n", load_le16(device + 8));
    put(list, "idProduct", "%04x\n", load_le16(device + 10));
    put(list, "bcdDevice", "%04x\n", load_le16(device + 12));
    put(list, "bNumConfigurations", "%u\n", device[17]);
    put(list, "bNumInterfaces", "%2u\n", configuration[4]);
    put(list, "bConfigurationValue", "%u\n", configuration[5]);
    put(list, "bmAttributes", "%02x\n", configuration[7]);
    put(list, "bMaxPower", "%umA\n", configuration[8] * 2u);
    put(list, "configuration", "\n");
    put(list, "authorized", "1\n");
    put(list, "avoid_reset_quirk", "0\n");
    put(list, "removable", "unknown\n");
    put(list, "quirks", "0x0\n");
    put(list, "rx_lanes", "1\n");
    put(list, "tx_lanes", "1\n");
    put(list, "urbnum", "0\n");
    // Without a new line: umockdev compares it as it stands.
    put(list, "dev", "%d:%u", USB_MAJOR, minor_of(devnum));
}

static void put_device_properties(struct attributes *list, const uint8_t *device, unsigned devnum) {
    char node[32];
    sysfs_node_path(node, devnum);
    put(list, "MAJOR", "%d", USB_MAJOR);
    put(list, "MINOR", "%u", minor_of(devnum));
    put(list, "DEVNAME", "%s", node);
    put(list, "DEVTYPE", "usb_device");
    put(list, "DRIVER", "usb");
    put(list, "PRODUCT", "%x/%x/%x", load_le16(device + 8), load_le16(device + 10),
        load_le16(device + 12));
    put(list, "TYPE", "%u/%u/%u", device[4], device[5], device[6]);
    put(list, "BUSNUM", "%03u", 1u);
    put(list, "DEVNUM", "%03u", devnum);
}

static char *as_lines(const struct attributes *list) {
    GString *lines = g_string_new("");
    for (size_t i = 0; i < list->count; i += 2) {
        g_string_append_printf(lines, "%s=%s\n", list->at[i], list->at[i + 1]);
    }
    return g_string_free(lines, FALSE);
}

static void write_file(UMockdevTestbed *testbed, const char *path, const void *bytes, size_t len) {
    char *root = umockdev_testbed_get_root_dir(testbed);
    char *full = g_build_filename(root, path, NULL);
    char *folder = g_path_get_dirname(full);
    if (g_mkdir_with_parents(folder, 0755) != 0 ||
        !g_file_set_contents(full, bytes, (gssize)len, NULL)) {
        g_warning("vboard: cannot write %s", full); // a full disk: COMMAND will not find the device
    }
    g_free(folder);
    g_free(full);
    g_free(root);
}

static void send(UMockdevTestbed *testbed, const char *path, const char *devtype,
                 const char *action, const char *properties) {
    char *root = umockdev_testbed_get_root_dir(testbed);
    uevent_send(root, path + strlen("/sys"), "usb", devtype, action, properties);
    g_free(root);
}

void sysfs_add_root_hub(UMockdevTestbed *testbed, unsigned port_count) {
    struct attributes attributes = {0};
    struct attributes properties = {0};
    put_device_attributes(&attributes, root_hub_descriptors, SYSFS_ROOT_HUB_DEVNUM, "480");
    put(&attributes, "maxchild", "%u\n", port_count);
    put(&attributes, "devpath", "0\n");
    put(&attributes, "manufacturer", "redfu\n");
    put(&attributes, "product", "vboard virtual host controller\n");
    put(&attributes, "serial", "vboard\n");
    put_device_properties(&properties, root_hub_descriptors, SYSFS_ROOT_HUB_DEVNUM);
    g_free(
        umockdev_testbed_add_devicev(testbed, "usb", HUB_NAME, NULL, attributes.at, properties.at));
    umockdev_testbed_set_attribute_binary(testbed, HUB_PATH, "descriptors",
                                          (guint8 *)(uintptr_t)root_hub_descriptors,
                                          sizeof root_hub_descriptors);
    char node[32];
    sysfs_node_path(node, SYSFS_ROOT_HUB_DEVNUM);
    write_file(testbed, node, root_hub_descriptors, sizeof root_hub_descriptors);
    clear(&attributes);
    clear(&properties);
}

// Interfaces: one folder each, in the alternate setting the device starts with.
static void each_interface(UMockdevTestbed *testbed, unsigned port, const struct usb_device *device,
                           const char *action) {
    const uint8_t *at = device->descriptors + USB_DEVICE_DESCRIPTOR_LEN;
    const uint8_t *end = device->descriptors + device->descriptors_len;
    while (end - at >= 9 && at[1] == USB_DT_CONFIGURATION && at[5] != device->configuration) {
        uint16_t total = load_le16(at + 2);
        if (total < USB_CONFIG_DESCRIPTOR_LEN || total > end - at) {
            return;
        }
        at += total;
    }
    if (end - at < 9 || at[1] != USB_DT_CONFIGURATION) {
        return;
    }
    if (load_le16(at + 2) < end - at) {
        end = at + load_le16(at + 2);
    }
    for (; end - at >= 2 && at[0] >= 2 && at[0] <= end - at; at += at[0]) {
        if (at[1] != USB_DT_INTERFACE || at[0] < USB_INTERFACE_DESCRIPTOR_LEN || at[3] != 0) {
            continue;
        }
        char *name =
            g_strdup_printf(HUB_NAME "/1-%u/1-%u:%u.%u", port, port, device->configuration, at[2]);
        char *path = g_strdup_printf("/sys/devices/%s", name);
        struct attributes attributes = {0};
        struct attributes properties = {0};
        char *modalias = g_strdup_printf(
            "usb:v%04Xp%04Xd%04Xdc%02Xdsc%02Xdp%02Xic%02Xisc%02Xip%02Xin%02X",
            load_le16(device->descriptors + 8), load_le16(device->descriptors + 10),
            load_le16(device->descriptors + 12), device->descriptors[4], device->descriptors[5],
            device->descriptors[6], at[5], at[6], at[7], at[2]);
        put(&attributes, "bInterfaceNumber", "%02x\n", at[2]);
        put(&attributes, "bAlternateSetting", "%2d\n", at[3]);
        put(&attributes, "bNumEndpoints", "%02x\n", at[4]);
        put(&attributes, "bInterfaceClass", "%02x\n", at[5]);
        put(&attributes, "bInterfaceSubClass", "%02x\n", at[6]);
        put(&attributes, "bInterfaceProtocol", "%02x\n", at[7]);
        put(&attributes, "modalias", "%s\n", modalias);
        put(&attributes, "authorized", "1\n");
        put(&properties, "DEVTYPE", "usb_interface");
        put(&properties, "PRODUCT", "%x/%x/%x", load_le16(device->descriptors + 8),
            load_le16(device->descriptors + 10), load_le16(device->descriptors + 12));
        put(&properties, "INTERFACE", "%u/%u/%u", at[5], at[6], at[7]);
        put(&properties, "MODALIAS", "%s", modalias);
        char *lines = as_lines(&properties);
        if (strcmp(action, "add") == 0) {
            g_free(umockdev_testbed_add_devicev(testbed, "usb", name, NULL, attributes.at,
                                                properties.at));
        } else {
            // Its parent's removal would leave the link in /sys/bus, where the next device of this
            // name finds it in its way.
            umockdev_testbed_remove_device(testbed, path);
        }
        send(testbed, path, "usb_interface", action, lines);
        g_free(lines);
        g_free(modalias);
        clear(&attributes);
        clear(&properties);
        g_free(name);
        g_free(path);
    }
}

// The udev database entry that 60-persistent and 50-udev-default rules would leave.
static char *database_lines(const struct usb_device *device) {
    GString *lines = g_string_new("");
    const uint8_t *descriptor = device->descriptors;
    g_string_append_printf(lines, "ID_BUS=usb\nID_VENDOR_ID=%04x\nID_MODEL_ID=%04x\n",
                           load_le16(descriptor + 8), load_le16(descriptor + 10));
    g_string_append_printf(lines, "ID_REVISION=%04x\n", load_le16(descriptor + 12));
    const struct {
        const char *key;
        const char *text;
    } strings[] = {{"ID_VENDOR", device->manufacturer},
                   {"ID_MODEL", device->product},
                   {"ID_SERIAL_SHORT", device->serial}};
    for (size_t i = 0; i < G_N_ELEMENTS(strings); i++) {
        if (strings[i].text[0]) {
            char *plain = g_strdup(strings[i].text);
            g_strdelimit(plain, " \t\n", '_');
            g_string_append_printf(lines, "%s=%s\n", strings[i].key, plain);
            g_free(plain);
        }
    }
    return g_string_free(lines, FALSE);
}

static void write_database(UMockdevTestbed *testbed, const struct usb_device *device) {
    char *lines = database_lines(device);
    GString *text = g_string_new("I:1\n");
    char **each = g_strsplit(lines, "\n", -1);
    for (char **line = each; *line; line++) {
        if (**line) {
            g_string_append_printf(text, "E:%s\n", *line);
        }
    }
    char path[64];
    (void)snprintf(path, sizeof path, "/run/udev/data/c%d:%u", USB_MAJOR,
                   minor_of(usbfs_number(device)));
    write_file(testbed, path, text->str, text->len);
    g_strfreev(each);
    g_free(lines);
    (void)g_string_free(text, TRUE);
}

static char *event_lines(const struct usb_device *device) {
    struct attributes properties = {0};
    put_device_properties(&properties, device->descriptors, usbfs_number(device));
    char *kernel = as_lines(&properties);
    char *udev = database_lines(device);
    char *all = g_strconcat(kernel, udev, NULL);
    g_free(kernel);
    g_free(udev);
    clear(&properties);
    return all;
}

static void put_string(struct attributes *list, const char *name, const char *text) {
    if (text[0]) { // Linux shows no file for a string that a device has not
        put(list, name, "%s\n", text);
    }
}

// Below /sys/devices.
static char *device_name(unsigned port) {
    return g_strdup_printf(HUB_NAME "/1-%u", port);
}

void sysfs_add_device(UMockdevTestbed *testbed, unsigned port, const struct usb_device *device) {
    char *name = device_name(port);
    char *path = g_strconcat("/sys/devices/", name, NULL);
    struct attributes attributes = {0};
    struct attributes properties = {0};
    put_device_attributes(&attributes, device->descriptors, usbfs_number(device),
                          speed_text(device->speed));
    put(&attributes, "maxchild", "0\n");
    put(&attributes, "devpath", "%u\n", port);
    put_string(&attributes, "manufacturer", device->manufacturer);
    put_string(&attributes, "product", device->product);
    put_string(&attributes, "serial", device->serial);
    put_device_properties(&properties, device->descriptors, usbfs_number(device));
    g_free(umockdev_testbed_add_devicev(testbed, "usb", name, NULL, attributes.at, properties.at));
    umockdev_testbed_set_attribute_binary(testbed, path, "descriptors",
                                          (guint8 *)(uintptr_t)device->descriptors,
                                          (int)device->descriptors_len);
    if (device->bos_len > 0) {
        umockdev_testbed_set_attribute_binary(testbed, path, "bos_descriptors",
                                              (guint8 *)(uintptr_t)device->bos,
                                              (int)device->bos_len);
    }
    if (device->configuration == 0) { // SET_CONFIGURATION failed
        umockdev_testbed_set_attribute(testbed, path, "bConfigurationValue", "\n");
        umockdev_testbed_set_attribute(testbed, path, "bNumInterfaces", "\n");
    } else {
        char value[8];
        (void)snprintf(value, sizeof value, "%u\n", device->configuration);
        umockdev_testbed_set_attribute(testbed, path, "bConfigurationValue", value);
    }
    char node[32];
    sysfs_node_path(node, usbfs_number(device));
    write_file(testbed, node, device->descriptors, device->descriptors_len);
    write_database(testbed, device);
    char *lines = event_lines(device);
    send(testbed, path, "usb_device", "add", lines);
    each_interface(testbed, port, device, "add");
    g_free(lines);
    g_free(path);
    g_free(name);
    clear(&attributes);
    clear(&properties);
}

void sysfs_remove_device(UMockdevTestbed *testbed, unsigned port, const struct usb_device *device) {
    char *name = device_name(port);
    char *path = g_strconcat("/sys/devices/", name, NULL);
    // Linux takes the interfaces first, and tells of each when its folder is gone. A monitor looks
    // nothing up any more for "remove", so the order of folder and message does not show.
    each_interface(testbed, port, device, "remove");
    char *lines = event_lines(device);
    umockdev_testbed_remove_device(testbed, path);
    char *root = umockdev_testbed_get_root_dir(testbed);
    char *database =
        g_strdup_printf("%s/run/udev/data/c%d:%u", root, USB_MAJOR, minor_of(usbfs_number(device)));
    (void)remove(database);
    send(testbed, path, "usb_device", "remove", lines);
    g_free(path);
    g_free(name);
    g_free(database);
    g_free(root);
    g_free(lines);
}
