// SPDX-License-Identifier: MIT
//
// Pages of ST's EEPROM emulation (AN3969 for STM32F4, AN2594 for STM32F1: the same format), read
// as its EE_Init and EE_ReadVariable would.
//
//   page   +0  status: 0xFFFF erased, 0xEEEE receives data, 0x0000 valid; the halfword behind it
//              is never written
//          +4  { data16, virtual address16 }, appended; the last one of an address counts
//
// A variable's data is programmed before its address, so a cut leaves an address of 0xFFFF, which
// is none. In a transfer the new page is marked 0xEEEE, takes the variable just written and then
// the others from the valid page, which is then erased; at last the new page is marked valid.

#include <stdlib.h>
#include <string.h>

#include "host/fault.h"
#include "host/redfu.h"
#include "spec/bytes.h"

#define PAGE_HEAD    4u
#define ADDRESS_NONE 0xffffu

static enum redfu_an3969_status status_of(const uint8_t *page) {
    // The whole word: the halfword alone would take an application whose stack pointer ends in
    // 0x0000 for a valid page.
    switch (load_le32(page)) {
    case 0xffffffffu:
        return REDFU_AN3969_ERASED;
    case 0xffffeeeeu:
        return REDFU_AN3969_RECEIVE;
    case 0xffff0000u:
        return REDFU_AN3969_VALID;
    default:
        return REDFU_AN3969_NONE;
    }
}

static bool has_data(enum redfu_an3969_status status) {
    return status == REDFU_AN3969_RECEIVE || status == REDFU_AN3969_VALID;
}

// The first page in use, and its neighbour behind it if that is in use as well.
static enum redfu_result choose_pages(struct redfu_an3969 *found, unsigned page_count,
                                      struct redfu_fault *fault) {
    unsigned first = 0;
    while (first < page_count && !has_data(found->status[first])) {
        first++;
    }
    if (first == page_count) {
        return redfui_fail(fault, REDFU_NO_SUCH_SETTING,
                           "there is nothing to import: no page begins as one of AN3969's EEPROM "
                           "emulation does (0x0000 or 0xEEEE, then 0xFFFF)");
    }
    found->first = found->second = first;
    enum redfu_an3969_status status = found->status[first];
    enum redfu_an3969_status next =
        first + 1 < page_count ? found->status[first + 1] : REDFU_AN3969_NONE;
    if (!has_data(next)) {
        // A transfer ends by erasing the page it came from. The partner may lie on either side.
        bool is_partner_erased = next == REDFU_AN3969_ERASED ||
                                 (first > 0 && found->status[first - 1] == REDFU_AN3969_ERASED);
        found->may_miss = status == REDFU_AN3969_RECEIVE && !is_partner_erased;
        return REDFU_OK;
    }
    if (status == next) {
        (void)redfui_fail(fault, REDFU_BAD_FILE,
                          "two neighbouring pages of AN3969's EEPROM emulation both say %s: which "
                          "one counts is not known (EE_Init of AN3969 would erase both)",
                          status == REDFU_AN3969_VALID ? "valid" : "receiving");
        return redfui_advise(
            fault, "The pages were left alone. `redfu read` saves them; then `redfu settings "
                   "import --discard FILE` gives them up.");
    }
    // What the receiving page has is a copy of what the valid one has, or newer.
    found->first = status == REDFU_AN3969_VALID ? first : first + 1;
    found->second = status == REDFU_AN3969_VALID ? first + 1 : first;
    return REDFU_OK;
}

// A variable as a page has it; `order` is its place among all that were read.
struct record {
    uint16_t address;
    uint16_t data;
    uint32_t order;
};

static size_t take_variables(const uint8_t *page, uint32_t page_bytes, struct record *records,
                             size_t count) {
    for (uint32_t off = PAGE_HEAD; off + 4 <= page_bytes; off += 4) {
        uint16_t address = load_le16(page + off + 2);
        if (address != ADDRESS_NONE) {
            records[count] = (struct record){address, load_le16(page + off), (uint32_t)count};
            count++;
        }
    }
    return count;
}

static int by_address(const void *left, const void *right) {
    const struct record *a = left;
    const struct record *b = right;
    if (a->address != b->address) {
        return a->address < b->address ? -1 : 1;
    }
    return a->order < b->order ? -1 : 1;
}

static bool is_last_of_address(const struct record *records, size_t count, size_t i) {
    return i + 1 == count || records[i + 1].address != records[i].address;
}

// The last data of each address.
static enum redfu_result list_variables(struct redfu_an3969 *found, struct record *records,
                                        size_t count, struct redfu_fault *fault) {
    if (count == 0) {
        return redfui_fail(fault, REDFU_NO_SUCH_SETTING,
                           "there is nothing to import: the emulated EEPROM has no variable");
    }
    qsort(records, count, sizeof records[0], by_address);
    size_t addresses = 0;
    for (size_t i = 0; i < count; i++) {
        addresses += is_last_of_address(records, count, i);
    }
    found->all = calloc(addresses, sizeof found->all[0]);
    if (!found->all) {
        return redfui_no_memory(fault);
    }
    for (size_t i = 0; i < count; i++) {
        if (is_last_of_address(records, count, i)) {
            struct redfu_setting *setting = &found->all[found->count++];
            setting->key = records[i].address;
            setting->len = 2;
            store_le16(setting->value, records[i].data);
        }
    }
    return REDFU_OK;
}

enum redfu_result redfu_an3969_parse(const uint8_t *pages, unsigned page_count, uint32_t page_bytes,
                                     struct redfu_an3969 *found, struct redfu_fault *fault) {
    memset(found, 0, sizeof *found);
    for (unsigned i = 0; i < page_count && i < REDFU_AN3969_PAGES_MAX; i++) {
        found->status[i] = status_of(pages + (size_t)i * page_bytes);
    }
    enum redfu_result result = choose_pages(found, page_count, fault);
    if (result != REDFU_OK) {
        return result;
    }
    struct record *records = malloc((size_t)(page_bytes / 4) * 2 * sizeof *records);
    if (!records) {
        return redfui_no_memory(fault);
    }
    size_t count =
        take_variables(pages + (size_t)found->first * page_bytes, page_bytes, records, 0);
    // Of one page alone, second is first: nothing comes of it twice.
    count = take_variables(pages + (size_t)found->second * page_bytes, page_bytes, records, count);
    result = list_variables(found, records, count, fault);
    free(records);
    return result;
}

void redfu_an3969_free(struct redfu_an3969 *found) {
    free(found->all);
    memset(found, 0, sizeof *found);
}
