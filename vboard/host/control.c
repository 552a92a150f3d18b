// SPDX-License-Identifier: MIT

#include "vboard/host/control.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "vboard/host/local_socket.h"

struct client {
    int fd; // -1: free
    size_t used;
    char line[CONTROL_LINE_MAX];
};

struct control {
    int fd;
    control_do act;
    void *ctx;
    struct client clients[CONTROL_CLIENTS_MAX];
};

struct control *control_new(int fd, control_do act, void *ctx) {
    struct control *control = calloc(1, sizeof *control);
    if (control == NULL) {
        return NULL;
    }
    control->fd = fd;
    control->act = act;
    control->ctx = ctx;
    for (unsigned i = 0; i < CONTROL_CLIENTS_MAX; i++) {
        control->clients[i].fd = -1;
    }
    return control;
}

static void drop(struct client *client) {
    if (client->fd >= 0) {
        (void)close(client->fd);
    }
    client->fd = -1;
    client->used = 0;
}

void control_free(struct control *control) {
    if (control == NULL) {
        return;
    }
    for (unsigned i = 0; i < CONTROL_CLIENTS_MAX; i++) {
        drop(&control->clients[i]);
    }
    free(control);
}

unsigned control_poll(const struct control *control, struct pollfd on[CONTROL_FDS_MAX]) {
    unsigned count = 0;
    for (unsigned i = 0; i < CONTROL_CLIENTS_MAX; i++) {
        if (control->clients[i].fd >= 0) {
            on[count++] = (struct pollfd){.fd = control->clients[i].fd, .events = POLLIN};
        }
    }
    if (count < CONTROL_CLIENTS_MAX) { // else they wait in the socket's own queue
        on[count++] = (struct pollfd){.fd = control->fd, .events = POLLIN};
    }
    return count;
}

// Answers are short; a client that does not even take one is dropped.
static bool send_answer(int fd, const char *text, size_t len) {
    return send(fd, text, len, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)len;
}

static bool do_line(struct control *control, struct client *client, const char *line) {
    char why[512] = "";
    char *text = NULL;
    size_t len = 0;
    FILE *reply = open_memstream(&text, &len);
    if (reply == NULL) {
        return false;
    }
    if (control->act(control->ctx, line, reply, why)) {
        (void)fputs("ok\n", reply);
    } else {
        (void)fprintf(reply, "error %s\n", why);
    }
    bool is_sent = fclose(reply) == 0 && send_answer(client->fd, text, len);
    free(text);
    return is_sent;
}

// False when the client is done with, or has to be.
static bool take_lines(struct control *control, struct client *client) {
    ssize_t got = recv(client->fd, client->line + client->used,
                       sizeof client->line - 1 - client->used, MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
        return true;
    }
    if (got <= 0) {
        return false;
    }
    client->used += (size_t)got;
    client->line[client->used] = '\0';
    char *start = client->line;
    char *end;
    while ((end = memchr(start, '\n', client->used - (size_t)(start - client->line))) != NULL) {
        *end = '\0';
        if (!do_line(control, client, start)) {
            return false;
        }
        start = end + 1;
    }
    client->used -= (size_t)(start - client->line);
    memmove(client->line, start, client->used);
    if (client->used == sizeof client->line - 1) {
        static const char too_long[] = "error the line is too long\n";
        (void)send_answer(client->fd, too_long, sizeof too_long - 1);
        return false;
    }
    return true;
}

void control_serve(struct control *control) {
    for (unsigned i = 0; i < CONTROL_CLIENTS_MAX; i++) {
        struct client *client = &control->clients[i];
        if (client->fd < 0) {
            client->fd = local_socket_accept(control->fd);
        }
        if (client->fd >= 0 && !take_lines(control, client)) {
            drop(client);
        }
    }
}

// -- The other end

static bool join(char **words, char line[CONTROL_LINE_MAX], char why[512]) {
    size_t used = 0;
    for (char **word = words; *word != NULL; word++) {
        size_t len = strlen(*word);
        if (len == 0 || strpbrk(*word, " \t\r\n") != NULL) {
            (void)snprintf(why, 512, "'%.200s' is not one word", *word);
            return false;
        }
        if (used + len + 2 > CONTROL_LINE_MAX) {
            (void)snprintf(why, 512, "that is too long");
            return false;
        }
        used += (size_t)sprintf(line + used, "%s%s", used > 0 ? " " : "", *word);
    }
    line[used] = '\n';
    line[used + 1] = '\0';
    return true;
}

// Shows the lines of an answer up to the closing one.
static bool read_answer(FILE *from, FILE *to, char why[512]) {
    char line[CONTROL_LINE_MAX];
    while (fgets(line, sizeof line, from) != NULL) {
        if (strcmp(line, "ok\n") == 0) {
            return true;
        }
        if (strncmp(line, "error ", 6) == 0) {
            line[strcspn(line, "\n")] = '\0';
            (void)snprintf(why, 512, "%.500s", line + 6);
            return false;
        }
        (void)fputs(line[0] == ' ' ? line + 1 : line, to);
    }
    (void)snprintf(why, 512, "the board went away before it answered");
    return false;
}

bool control_ask(const char *path, char **words, FILE *to, char why[512]) {
    char line[CONTROL_LINE_MAX];
    if (!join(words, line, why)) {
        return false;
    }
    int fd = local_socket_connect(path, why);
    if (fd < 0) {
        return false;
    }
    FILE *stream = fdopen(fd, "r");
    if (stream == NULL) {
        (void)close(fd);
        (void)snprintf(why, 512, "out of memory");
        return false;
    }
    size_t len = strlen(line);
    bool is_done = false;
    if (send(fd, line, len, MSG_NOSIGNAL) == (ssize_t)len) {
        is_done = read_answer(stream, to, why);
    } else {
        (void)snprintf(why, 512, "%.300s: the board does not take commands: %s", path,
                       strerror(errno));
    }
    (void)fclose(stream);
    return is_done;
}
