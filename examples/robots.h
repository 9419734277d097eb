/*
 * What a robots.txt says to everybody: the beginnings of paths that no robot is
 * to ask for. Of its language this knows User-agent and Disallow.
 */
#ifndef ROBOTS_H
#define ROBOTS_H

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct robots {
    char **beginnings;
    size_t count;
};

/* Changes the text. */
static void robots_read(struct robots *robots, char *text)
{
    bool for_all = false, in_head = false;      /* of a group: its agents */
    for (char *line = strtok_r(text, "\r\n", &text); line != NULL; line = strtok_r(NULL, "\r\n", &text)) {
        line[strcspn(line, "#")] = '\0';
        char *value = strchr(line, ':');
        if (value == NULL)
            continue;
        value += 1 + strspn(value + 1, " \t");
        value[strcspn(value, " \t")] = '\0';
        if (strncasecmp(line, "user-agent", 10) == 0) {
            for_all = (in_head && for_all) || strcmp(value, "*") == 0;
            in_head = true;
            continue;
        }
        in_head = false;
        if (!for_all || *value == '\0' || strncasecmp(line, "disallow", 8) != 0)
            continue;
        char **grown = realloc(robots->beginnings, (robots->count + 1) * sizeof *grown);
        if (grown == NULL)
            return;
        robots->beginnings = grown;
        grown[robots->count] = strdup(value);
        robots->count += grown[robots->count] != NULL;
    }
}

static bool robots_allow(const struct robots *robots, const char *path)
{
    for (size_t at = 0; at < robots->count; at++)
        if (strncmp(path, robots->beginnings[at], strlen(robots->beginnings[at])) == 0)
            return false;
    return true;
}

static void robots_free(struct robots *robots)
{
    for (size_t at = 0; at < robots->count; at++)
        free(robots->beginnings[at]);
    free(robots->beginnings);
}

#endif
