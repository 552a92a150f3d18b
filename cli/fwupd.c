// SPDX-License-Identifier: MIT
//
// `redfu fwupd-package`: a firmware file as fwupd and the Linux Vendor Firmware Service take it. A cabinet with the
// image as a DfuSe file and what AppStream wants to know of it, and beside it the quirk by which fwupd knows
// that the application and the bootloader are one device.

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "cli/cli.h"
#include "cli/file.h"
#include "cli/input.h"
#include "cli/target.h"
#include "image/cab.h"
#include "image/guid.h"
#include "image/save.h"

#define FIRMWARE_NAME  "firmware.dfu"
#define METAINFO_NAME  "firmware.metainfo.xml"
#define TEXT_BYTES     65536u
#define INSTANCE_BYTES 48u
// redfu-boot's alternate for fwupd, whose sector search goes wrong where read-only sectors come first.
#define ALTERNATE      1u
#define ST_VENDOR      0x0483u
#define ST_PRODUCT     0xdf11u

struct package {
    uint16_t vendor, product; // in DFU mode
    bool has_runtime;
    uint16_t runtime_vendor, runtime_product;
    uint16_t release;
    char version[8];
    char date[16]; // of the release, 2026-11-28
    uint16_t dos_date;
    uint8_t *firmware;
    uint32_t firmware_len;
};

// --- Values --------------------------------------------------------------------------------------

static enum redfu_result refuse_shared(struct cli *cli, const char *option) {
    (void)cli_refuse(
        cli, REDFU_USAGE,
        "%s 0483:DF11 is no identity for fwupd: every STM32 in its ROM bootloader has it, so "
        "an update would be offered to, and written into, other makers' devices",
        option);
    return cli_advise(
        cli, "Give the product numbers of its own (BOARD_USB_VENDOR and BOARD_USB_PRODUCT in its "
             "board.h), in DFU mode and, other ones, in its application.");
}

static enum redfu_result take_identities(struct cli *cli, struct package *package) {
    const struct redfu_filter *id = &cli->options->filter;
    const char *runtime = options_given(cli->options, "--runtime-usb-id");
    struct redfu_filter other = {0};
    if (!id->has_usb_id) {
        return cli_refuse(cli, REDFU_USAGE,
                          "--usb-id is missing: the product's VID:PID in DFU mode, by which fwupd "
                          "finds it");
    }
    if (runtime && !options_usb_id(runtime, &other)) {
        return cli_refuse(cli, REDFU_USAGE,
                          "--runtime-usb-id wants VID:PID such as 1209:0001, not \"%s\"", runtime);
    }
    if (id->vendor == ST_VENDOR && id->product == ST_PRODUCT) {
        return refuse_shared(cli, "--usb-id");
    }
    if (runtime && other.vendor == ST_VENDOR && other.product == ST_PRODUCT) {
        return refuse_shared(cli, "--runtime-usb-id");
    }
    if (runtime && other.vendor == id->vendor && other.product == id->product) {
        return cli_refuse(
            cli, REDFU_USAGE,
            "--runtime-usb-id and --usb-id are both %04X:%04X: fwupd could not tell the "
            "application from the bootloader",
            id->vendor, id->product);
    }
    package->vendor = id->vendor;
    package->product = id->product;
    package->has_runtime = runtime != NULL;
    package->runtime_vendor = other.vendor;
    package->runtime_product = other.product;
    return REDFU_OK;
}

static unsigned days_of(unsigned year, unsigned month) {
    static const uint8_t days[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[month - 1] + (month == 2 && is_leap ? 1u : 0u);
}

// AppStream's <id>: ASCII letters, digits, '.', '-' and '_', no digit after a full stop or in front.
static enum redfu_result check_id(struct cli *cli) {
    const char *id = options_given(cli->options, "--id");
    bool is_begin = true;
    for (const char *at = id; at && (*at || is_begin); at++) {
        bool is_letter = (*at >= 'a' && *at <= 'z') || (*at >= 'A' && *at <= 'Z') || *at == '_';
        bool is_inside = (*at >= '0' && *at <= '9') || *at == '-' || *at == '.';
        if (!is_letter && (is_begin || !is_inside)) {
            return cli_refuse(cli, REDFU_USAGE,
                              "--id wants a name such as org.example.Widget (letters, digits, "
                              "'.', '-', '_'; each part begins with a letter), not \"%s\"",
                              id);
        }
        is_begin = *at == '.';
    }
    return REDFU_OK;
}

// What software centres open at a click.
static enum redfu_result check_homepage(struct cli *cli) {
    const char *url = options_given(cli->options, "--homepage");
    if (!url) {
        return REDFU_OK;
    }
    size_t scheme = strncasecmp(url, "https://", 8) == 0  ? 8
                    : strncasecmp(url, "http://", 7) == 0 ? 7
                                                          : 0;
    bool is_url = scheme > 0 && url[scheme] != '\0' && url[scheme] != '/';
    for (const char *at = url; *at; at++) {
        is_url = is_url && *at > ' ' && *at < 0x7f;
    }
    return is_url ? REDFU_OK
                  : cli_refuse(cli, REDFU_USAGE,
                               "--homepage wants an address of the Web such as "
                               "https://example.com/widget, not \"%s\"",
                               url);
}

static enum redfu_result take_date(struct cli *cli, struct package *package) {
    const char *given = options_given(cli->options, "--date");
    unsigned year;
    unsigned month;
    unsigned day;
    int end = 0;
    if (!given) {
        // A build that is to come out the same every time says when it is (reproducible-builds.org).
        const char *epoch = getenv("SOURCE_DATE_EPOCH");
        time_t now = epoch ? (time_t)strtoll(epoch, NULL, 10) : time(NULL);
        struct tm about;
        (void)gmtime_r(&now, &about);
        (void)strftime(package->date, sizeof package->date, "%Y-%m-%d", &about);
        given = package->date;
    }
    if (sscanf(given, "%4u-%2u-%2u%n", &year, &month, &day, &end) != 3 || given[end] != '\0' ||
        year < 1980 || year > 2107 || month < 1 || month > 12 || day < 1 ||
        day > days_of(year, month)) {
        return cli_refuse(cli, REDFU_USAGE, "--date wants a day such as 2026-11-28, not \"%s\"",
                          given);
    }
    (void)snprintf(package->date, sizeof package->date, "%04u-%02u-%02u", year % 10000, month % 100,
                   day % 100);
    package->dos_date = cab_date(year, month, day);
    return REDFU_OK;
}

static enum redfu_result take_values(struct cli *cli, struct package *package) {
    enum redfu_result result = take_identities(cli, package);
    const char *release = options_given(cli->options, "--release");
    if (result != REDFU_OK) {
        return result;
    }
    if (!release || !options_release(release, &package->release)) {
        return cli_refuse(cli, REDFU_USAGE,
                          "--release %s: the version that the device has after the update, as its "
                          "bcdDevice says it: such as 1.2",
                          release ? release : "is missing");
    }
    // fwupd's words for a BCD number of 16 bits.
    (void)snprintf(package->version, sizeof package->version, "%x.%x", package->release >> 8,
                   package->release & 0xffu);
    result = check_id(cli);
    if (result == REDFU_OK) {
        result = check_homepage(cli);
    }
    return result == REDFU_OK ? take_date(cli, package) : result;
}

static const char *text_or(const struct cli *cli, const char *option, const char *otherwise) {
    const char *given = options_given(cli->options, option);
    return given ? given : otherwise;
}

// --- The firmware --------------------------------------------------------------------------------

static enum redfu_result place_input(struct cli *cli, struct input *input) {
    return input->needs_address
               ? cli_refuse(
                     cli, REDFU_USAGE,
                     "%s: a raw binary has no address, and the package wants one: say it, as in "
                     "%s@0x0800C000",
                     cli->options->file, cli->options->file)
               : REDFU_OK;
}

// As `redfu convert` would write it.
static enum redfu_result make_dfu(struct cli *cli, const struct input *input,
                                  struct package *package) {
    struct image_target target = {
        .alternate = cli->options->has_alternate ? cli->options->alternate
                     : input->has_alternate      ? input->alternate
                                                 : ALTERNATE,
        .image = input->image,
    };
    const struct image_contents contents = {
        .format = IMAGE_DFUSE,
        .targets = &target,
        .target_count = 1,
        .has_suffix = true,
        .vendor = package->vendor,
        .product = package->product,
        .release = package->release,
    };
    struct image_fault why;
    size_t len;
    package->firmware = image_contents_bytes(&contents, &len, &why);
    package->firmware_len = (uint32_t)len;
    return package->firmware ? REDFU_OK : cli_refuse(cli, REDFU_INTERNAL, "%s", why.text);
}

static enum redfu_result load_firmware(struct cli *cli, struct package *package) {
    struct input input;
    enum redfu_result result = input_load(&input, cli->options, &cli->fault);
    if (result != REDFU_OK) {
        return result;
    }
    result = place_input(cli, &input);
    if (result == REDFU_OK && input.has_usb_id &&
        (input.vendor != package->vendor || input.product != package->product)) {
        result = cli_refuse(cli, REDFU_WRONG_DEVICE,
                            "%s: its DFU suffix says that it is for %04X:%04X, not for %04X:%04X",
                            input.usb_id_file, input.vendor, input.product, package->vendor,
                            package->product);
    }
    if (result == REDFU_OK) {
        result = make_dfu(cli, &input, package);
    }
    input_free(&input);
    return result;
}

// --- Words ---------------------------------------------------------------------------------------

struct text {
    char bytes[TEXT_BYTES];
    size_t len;
};

static bool is_full(const struct text *text) {
    return text->len >= sizeof text->bytes;
}

static void put(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));

// What does not fit any more is left out; is_full() tells.
static void put(struct text *text, const char *format, ...) {
    if (is_full(text)) {
        return;
    }
    va_list args;
    va_start(args, format);
    int len = vsnprintf(text->bytes + text->len, sizeof text->bytes - text->len, format, args);
    va_end(args);
    text->len += len > 0 ? (size_t)len : 0;
}

// <element>text</element>, with XML's own characters written as entities.
static void put_element(struct text *text, const char *open, const char *words, const char *close) {
    put(text, "%s", open);
    for (const char *at = words; *at; at++) {
        switch (*at) {
        case '&':
            put(text, "&amp;");
            break;
        case '<':
            put(text, "&lt;");
            break;
        case '>':
            put(text, "&gt;");
            break;
        case '"':
            put(text, "&quot;");
            break;
        default:
            put(text, "%c", *at);
        }
        if (is_full(text)) {
            return;
        }
    }
    put(text, "%s\n", close);
}

static const char *instance(uint16_t vendor, uint16_t product, char out[INSTANCE_BYTES]) {
    (void)snprintf(out, INSTANCE_BYTES, "USB\\VID_%04X&PID_%04X", vendor, product);
    return out;
}

static void put_guid(struct text *text, const char *id) {
    char guid[GUID_TEXT_BYTES];
    guid_of(id, guid);
    put(text, "    <!-- ");
    put_element(text, "", id, " -->");
    put(text, "    <firmware type=\"flashed\">%s</firmware>\n", guid);
}

static void put_provides(const struct cli *cli, const struct package *package, struct text *text) {
    char id[INSTANCE_BYTES];
    put(text, "  <provides>\n");
    put_guid(text, instance(package->vendor, package->product, id));
    if (package->has_runtime) {
        put_guid(text, instance(package->runtime_vendor, package->runtime_product, id));
    }
    for (unsigned i = 0; i < cli->options->given_count; i++) {
        const struct option_given *given = &cli->options->given[i];
        if (strcmp(given->name, "--guid") != 0) {
            continue;
        }
        if (strchr(given->value, '\\')) {
            put_guid(text, given->value);
        } else {
            put(text, "    <firmware type=\"flashed\">%s</firmware>\n", given->value);
        }
    }
    put(text, "  </provides>\n");
}

static void put_metainfo(const struct cli *cli, const struct package *package, struct text *text) {
    char id[64];
    char name[64];
    (void)snprintf(id, sizeof id, "redfu.usb-%04x-%04x.firmware", package->vendor,
                   package->product);
    (void)snprintf(name, sizeof name, "USB device %04X:%04X", package->vendor, package->product);
    put(text, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<component type=\"firmware\">\n");
    put_element(text, "  <id>", text_or(cli, "--id", id), "</id>");
    put_element(text, "  <name>", text_or(cli, "--name", name), "</name>");
    put_element(text, "  <summary>", text_or(cli, "--summary", "Firmware update"), "</summary>");
    put_element(text, "  <description><p>",
                text_or(cli, "--description", "Firmware that is written over USB DFU."),
                "</p></description>");
    put_element(text, "  <developer_name>", text_or(cli, "--vendor", "unknown"),
                "</developer_name>");
    put(text, "  <metadata_license>CC0-1.0</metadata_license>\n");
    put_element(text, "  <project_license>", text_or(cli, "--license", "LicenseRef-proprietary"),
                "</project_license>");
    if (options_given(cli->options, "--homepage")) {
        put_element(text, "  <url type=\"homepage\">", options_given(cli->options, "--homepage"),
                    "</url>");
    }
    put_provides(cli, package, text);
    put(text, "  <releases>\n    <release version=\"%s\" date=\"%s\">\n", package->version,
        package->date);
    put(text, "      <checksum target=\"content\" filename=\"%s\"/>\n", FIRMWARE_NAME);
    put_element(text, "      <description><p>",
                text_or(cli, "--changes", "See the vendor's site for what is new."),
                "</p></description>");
    put(text, "    </release>\n  </releases>\n"
              "  <custom>\n"
              "    <value key=\"LVFS::VersionFormat\">bcd</value>\n"
              "    <value key=\"LVFS::UpdateProtocol\">com.st.dfuse</value>\n"
              "  </custom>\n"
              "</component>\n");
}

// Instance IDs as sections, as in fwupd's own quirk files.
static void put_quirk(const struct cli *cli, const struct package *package, struct text *text) {
    char boot[INSTANCE_BYTES];
    char application[INSTANCE_BYTES];
    (void)instance(package->vendor, package->product, boot);
    (void)instance(package->runtime_vendor, package->runtime_product, application);
    const char *vendor = options_given(cli->options, "--vendor");
    put(text,
        "# For fwupd: %s, made by redfu fwupd-package. It belongs into\n"
        "# /usr/share/fwupd/quirks.d/ (or /var/lib/fwupd/quirks.d/), or upstream.\n",
        cli->options->output);
    if (package->has_runtime) {
        put(text,
            "\n# The application. DETACH leads to the bootloader, which is the same device.\n"
            "[%s]\nPlugin = dfu\nCounterpartGuid = %s\n",
            application, boot);
    }
    put(text, "\n# The bootloader.\n[%s]\nPlugin = dfu\n", boot);
    if (package->has_runtime) {
        put(text, "CounterpartGuid = %s\n", application);
    } else {
        put(text, "# The application is no DFU device: nothing comes back to wait for.\n"
                  "Flags = will-disappear\n");
    }
    if (vendor) {
        put(text, "Vendor = %s\n", vendor);
    }
}

// --- The files -----------------------------------------------------------------------------------

static enum redfu_result quirk_path(struct cli *cli, char *path, size_t size) {
    const char *given = options_given(cli->options, "--quirk");
    const char *output = cli->options->output;
    const char *dot = strrchr(output, '.');
    if (!dot || strcasecmp(dot, ".cab") != 0) {
        return cli_refuse(cli, REDFU_USAGE, "%s: the output is a cabinet, its name ends in .cab",
                          output);
    }
    int len = given ? snprintf(path, size, "%s", given)
                    : snprintf(path, size, "%.*s.quirk", (int)(dot - output), output);
    return len > 0 && (size_t)len < size
               ? REDFU_OK
               : cli_refuse(cli, REDFU_CANNOT_SAVE, "the file name is too long");
}

static enum redfu_result save(struct cli *cli, const struct package *package, const char *quirk) {
    struct text *texts = calloc(2, sizeof *texts);
    if (!texts) {
        return cli_refuse(cli, REDFU_INTERNAL, "out of memory");
    }
    put_metainfo(cli, package, &texts[0]);
    put_quirk(cli, package, &texts[1]);
    const struct cab_file files[] = {
        {FIRMWARE_NAME, package->firmware, package->firmware_len},
        {METAINFO_NAME, (const uint8_t *)texts[0].bytes, (uint32_t)texts[0].len},
    };
    enum redfu_result result = REDFU_OK;
    uint8_t *cab = NULL;
    size_t len;
    if (is_full(&texts[0]) || is_full(&texts[1])) {
        result = cli_refuse(cli, REDFU_USAGE, "the texts are longer than %u bytes", TEXT_BYTES);
    } else if (!(cab = cab_make(files, 2, package->dos_date, 0, &len))) {
        result = cli_refuse(cli, REDFU_INTERNAL, "out of memory");
    }
    if (result == REDFU_OK) {
        result = file_save(cli, cli->options->output, cab, (uint32_t)len);
    }
    if (result == REDFU_OK) {
        result = file_save(cli, quirk, (const uint8_t *)texts[1].bytes, (uint32_t)texts[1].len);
    }
    free(cab);
    free(texts);
    return result;
}

enum redfu_result fwupd_package(struct cli *cli) {
    struct package package = {0};
    char quirk[4200];
    enum redfu_result result = quirk_path(cli, quirk, sizeof quirk);
    if (result == REDFU_OK) {
        result = take_values(cli, &package);
    }
    if (result == REDFU_OK) {
        result = load_firmware(cli, &package);
    }
    if (result == REDFU_OK) {
        result = save(cli, &package, quirk);
    }
    free(package.firmware);
    if (result == REDFU_OK) {
        cli_say(cli, "%s: version %s for %04X:%04X; try it with `fwupdtool install %s`\n",
                cli->options->output, package.version, package.vendor, package.product,
                cli->options->output);
        cli_say(cli, "%s: for /usr/share/fwupd/quirks.d/\n", quirk);
    }
    return result;
}
