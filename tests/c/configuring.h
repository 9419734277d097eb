/* What the tests of the configuration share: values as text, words of errors, files. */
#ifndef CONFIGURING_H
#define CONFIGURING_H

#include "testing.h"

static const char *folder;

static inline const char *get(ts_scheduler *scheduler, const char *key)
{
    static char text[64];
    char *value = NULL;
    OK(ts_get_config(scheduler, key, &value));
    snprintf(text, sizeof(text), "%s", value == NULL ? "" : value);
    ts_string_free(value);
    return text;
}

static inline bool message_has(const char *words)
{
    if (strstr(ts_last_error_message(), words) != NULL)
        return true;
    fprintf(stderr, "\"%s\" lacks \"%s\"\n", ts_last_error_message(), words);
    return false;
}

#define SAYS(words) CHECK(message_has(words))

/* Writes a file, its text repeated so many times, and returns its path. */
static inline const char *file_of(const char *name, const char *text, size_t times)
{
    static char path[512];
    FILE *file;
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    file = fopen(path, "w");
    while (file != NULL && times-- > 0)
        fputs(text, file);
    CHECK(file != NULL && fclose(file) == 0);
    return path;
}

#endif
