// SPDX-License-Identifier: MIT
//
// What can be wrong with an update over USB: one table, an entry a cause. Whatever diagnoses (over USB, from inside
// the virtual board, of an image, of a log) names causes by these ids; docs/faults.md is made of the same table
// (`findings-page`, compared by a test).
//
// Ids are never given to something else: reports that people have kept name them.

#ifndef DOCTOR_FINDING_H
#define DOCTOR_FINDING_H

enum finding_severity {
    FINDING_NOTE = 0, // worth knowing; nothing fails of it
    FINDING_WARNING,  // fails with some programs, or some day
    FINDING_FAULT,    // an update fails or does harm
};

// Where the mistake is, and so who mends it.
enum finding_culprit {
    FINDING_DEVICE = 0, // its firmware, or its supply and wiring
    FINDING_HOST,       // the program on the PC
    FINDING_PC,         // permissions, drivers, ports
    FINDING_IMAGE,      // the file that is loaded
};

// How it can be told; bits.
enum finding_way {
    FINDING_BY_USB = 1,    // redfu doctor
    FINDING_BY_INSIDE = 2, // vboard doctor
    FINDING_BY_IMAGE = 4,  // redfu doctor FILE, redfu inspect
    FINDING_BY_LOG = 8,    // redfu doctor --log
};

struct finding {
    const char *id; // "F8"
    enum finding_severity severity;
    enum finding_culprit culprit;
    unsigned ways;       // enum finding_way
    const char *title;   // the cause, half a line
    const char *symptom; // what a person sees
    const char *meaning; // why that comes of it
    const char *remedy;
    const char *told_by; // what tells it from the others
    const char *source;  // where it is known from
};

// F25 where blocks are shorter than the descriptor promises, for report_explain().
#define FINDING_SHORT_BLOCK_MEANING                                                                \
    "The buffer (USBD_DFU_XFER_SIZE in ST's class) is smaller than wTransferSize of the "          \
    "functional descriptor, by which hosts choose their blocks: what is too much is cut off, "     \
    "waited for without end, or written past the buffer."
#define FINDING_SHORT_BLOCK_REMEDY                                                                 \
    "One constant for both: wTransferSize must be what the buffer takes."

extern const unsigned finding_count;
const struct finding *finding_at(unsigned index);    // in the order of the ids; NULL: no more
const struct finding *finding_named(const char *id); // NULL: there is none

// "note", "warning", "fault".
const char *finding_severity_word(enum finding_severity severity);
// "device", "host tool", "PC", "image".
const char *finding_culprit_word(enum finding_culprit culprit);

#endif
