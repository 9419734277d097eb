/*
 * File names are any bytes; the names of tasks and the messages of errors are
 * UTF-8. printable() copies what is valid UTF-8 and writes every other byte,
 * and every control character, as \xNN. It stops where the room ends.
 */
#ifndef PRINTABLE_H
#define PRINTABLE_H

#include <stddef.h>
#include <stdio.h>
#include <string.h>

/* The length of the valid UTF-8 sequence at p, or 0. Stops at a NUL. */
static size_t utf8_length(const unsigned char *p)
{
    size_t length = p[0] < 0x80 ? 1 : p[0] < 0xC2 ? 0 : p[0] < 0xE0 ? 2 :
                    p[0] < 0xF0 ? 3 : p[0] < 0xF5 ? 4 : 0;
    for (size_t i = 1; i < length; i++)
        if ((p[i] & 0xC0) != 0x80)
            return 0;
    if ((p[0] == 0xE0 && p[1] < 0xA0) || (p[0] == 0xED && p[1] > 0x9F) ||
        (p[0] == 0xF0 && p[1] < 0x90) || (p[0] == 0xF4 && p[1] > 0x8F))
        return 0;               /* overlong, a surrogate, or past U+10FFFF */
    return length;
}

static void printable(const char *raw, char *out, size_t size)
{
    const unsigned char *p = (const unsigned char *)raw;
    size_t used = 0;
    while (*p != 0) {
        char escape[5];
        const void *piece = p;
        size_t read = utf8_length(p), write = read;
        if (read == 0 || *p < 0x20 || *p == 0x7F) {
            snprintf(escape, sizeof escape, "\\x%02X", (unsigned)*p);
            piece = escape;
            read = 1;
            write = 4;
        }
        if (used + write >= size)
            break;
        memcpy(out + used, piece, write);
        used += write;
        p += read;
    }
    out[used] = 0;
}

#endif
