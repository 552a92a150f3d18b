// SPDX-License-Identifier: MIT
//
// findings-page: docs/faults.md on standard output, made of the table of findings.

#include <stdio.h>
#include <string.h>

#include "doctor/finding.h"

static void print_ways(const struct finding *finding) {
    static const struct {
        unsigned way;
        const char *word;
    } ways[] = {{FINDING_BY_USB, "over USB"},
                {FINDING_BY_INSIDE, "from inside"},
                {FINDING_BY_IMAGE, "in the image"},
                {FINDING_BY_LOG, "in a log or a capture"}};
    const char *between = "";
    for (unsigned i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        if (finding->ways & ways[i].way) {
            (void)printf("%s%s", between, ways[i].word);
            between = ", ";
        }
    }
}

static void print_finding(const struct finding *finding) {
    (void)printf("\n## %s: %s\n\n", finding->id, finding->title);
    (void)printf("*%s; at fault: %s; can be seen ", finding_severity_word(finding->severity),
                 finding_culprit_word(finding->culprit));
    print_ways(finding);
    (void)printf(".*\n\n");
    (void)printf("- **What is seen.** %s.\n", finding->symptom);
    (void)printf("- **Why.** %s\n", finding->meaning);
    (void)printf("- **What to do.** %s\n", finding->remedy);
    (void)printf("- **Told by.** %s.\n", finding->told_by);
    (void)printf("- **Known from.** %s.\n", finding->source);
}

int main(void) {
    (void)printf(
        "<!-- Made by findings-page of doctor/finding.c: change the table, not this file. -->\n"
        "# Why an update over USB fails\n\n"
        "The causes that reports of `redfu doctor` and `vboard doctor` name by these ids\n"
        "([doctor.md](doctor.md)). Severity is what the cause deserves in general; a report may "
        "make more\n"
        "or less of it. *Over USB* means: on a connected device; *from inside*: with the firmware "
        "on the\n"
        "virtual board. What is said of firmware and programs of others was read in their source "
        "or in\n"
        "what users published; it was not tried on silicon here.\n\n"
        "| id | severity | at fault | cause |\n|---|---|---|---|\n");
    for (unsigned i = 0; i < finding_count; i++) {
        const struct finding *finding = finding_at(i);
        (void)printf("| %s | %s | %s | %s |\n", finding->id,
                     finding_severity_word(finding->severity),
                     finding_culprit_word(finding->culprit), finding->title);
    }
    for (unsigned i = 0; i < finding_count; i++) {
        print_finding(finding_at(i));
    }
    return fflush(stdout) == 0 ? 0 : 1;
}
