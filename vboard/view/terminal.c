// SPDX-License-Identifier: MIT

#include "vboard/view/terminal.h"

#include <curses.h>
#include <stdlib.h>
#include <term.h>
#include <unistd.h>

bool terminal_is_known(void) {
    int error;
    if (!getenv("TERM") || setupterm(NULL, STDOUT_FILENO, &error) != OK) {
        return false;
    }
    (void)del_curterm(cur_term);
    return true;
}

static const char *words(const char *capability) {
    const char *text = tigetstr(capability);
    return text && text != (char *)-1 ? text : "";
}

bool terminal_can_draw(void) {
    int error;
    if (setupterm(NULL, STDOUT_FILENO, &error) != OK) {
        return false;
    }
    bool can = *words("cup") != '\0';
    (void)del_curterm(cur_term);
    return can;
}

void terminal_leave(char text[TERMINAL_LEAVE_MAX]) {
    const char *leave = words("rmcup");
    // Where there is no full-screen mode to leave, a line of its own.
    (void)snprintf(text, TERMINAL_LEAVE_MAX, "%s%s\r%s", words("cnorm"), leave, *leave ? "" : "\n");
}
