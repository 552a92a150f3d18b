// SPDX-License-Identifier: MIT
//
// What terminfo says of the terminal. Apart, because <term.h> makes macros of everyday words.

#ifndef VBOARD_VIEW_TERMINAL_H
#define VBOARD_VIEW_TERMINAL_H

#include <stdbool.h>

// Whether $TERM names one that terminfo knows. Before ncurses has the terminal.
bool terminal_is_known(void);
// And whether its cursor can be sent anywhere: an editor's shell window ("dumb") writes one line below the other.
bool terminal_can_draw(void);
// What makes a cursor seen again and leaves full-screen mode; while ncurses has the terminal.
#define TERMINAL_LEAVE_MAX 128u
void terminal_leave(char text[TERMINAL_LEAVE_MAX]);

#endif
