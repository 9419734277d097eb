/*
 * The sites and pages that crawl.c knows, each page once, and the report of
 * them. Whoever adds holds a lock; what a site's tasks change is theirs, of whom
 * only one runs.
 */
#ifndef SITES_H
#define SITES_H

#include "robots.h"

#include <curl/curl.h>
#include <stdint.h>
#include <stdio.h>

enum outcome { NOT_VISITED,
               VISITED,
               BROKEN };

struct site {
    struct site *next;
    char name[200];
    struct page *robots_page;
    size_t left_out;            /* pages that were found and not visited */
    /* Its tasks' own. */
    CURL *curl;
    struct robots robots;
    bool closed, given_up;      /* by its robots.txt, or after failures */
    double free_at;             /* it may be asked again */
    unsigned failures;          /* in a row */
    size_t visited, bytes;
};

struct page {
    struct page *next;
    struct site *site;
    const struct page *from;    /* or NULL */
    enum outcome outcome;
    char words[100];            /* how a broken one is broken */
    char url[];
};

enum { PAGE_BUCKETS = 4096 };

struct sites {
    struct site *first;
    size_t count;
    struct page *pages[PAGE_BUCKETS];
};

static void *sites_allocate(size_t size)
{
    void *memory = calloc(1, size);
    if (memory == NULL) {
        fprintf(stderr, "memory ran out\n");
        exit(2);
    }
    return memory;
}

static struct page *new_page(struct site *site, const char *url, const struct page *from)
{
    struct page *page = sites_allocate(sizeof *page + strlen(url) + 1);
    page->site = site;
    page->from = from;
    strcpy(page->url, url);
    return page;
}

/* What stands behind the host. */
static const char *page_path(const struct page *page)
{
    const char *host = strstr(page->url, "://");
    const char *path = host == NULL ? NULL : strchr(host + 3, '/');
    return path == NULL ? "/" : path;
}

/* The site of that name; one that is new has the page of its robots.txt. */
static struct site *sites_site(struct sites *sites, const char *name, bool *fresh)
{
    for (struct site *site = sites->first; site != NULL; site = site->next)
        if (strcmp(site->name, name) == 0)
            return site;
    struct site *site = sites_allocate(sizeof *site);
    char url[sizeof site->name + sizeof "/robots.txt"];
    snprintf(site->name, sizeof site->name, "%s", name);
    snprintf(url, sizeof url, "%s/robots.txt", name);
    site->robots_page = new_page(site, url, NULL);
    site->robots_page->outcome = VISITED;       /* it counts as no page */
    site->next = sites->first;
    sites->first = site;
    sites->count++;
    *fresh = true;
    return site;
}

/* The place of a URL: that of its page, or of the one to come. */
static struct page **sites_place(struct sites *sites, const char *url)
{
    uint32_t hash = 2166136261u;
    for (const char *at = url; *at != '\0'; at++)
        hash = (hash ^ (unsigned char)*at) * 16777619u;
    struct page **place = &sites->pages[hash % PAGE_BUCKETS];
    while (*place != NULL && strcmp((*place)->url, url) != 0)
        place = &(*place)->next;
    return place;
}

/* ---- The report ---------------------------------------------------------- */

static int by_name(const void *one, const void *other)
{
    return strcmp((*(struct site *const *)one)->name, (*(struct site *const *)other)->name);
}

static int by_url(const void *one, const void *other)
{
    return strcmp((*(struct page *const *)one)->url, (*(struct page *const *)other)->url);
}

static void print_site(FILE *out, const struct site *site)
{
    fprintf(out, "%s: %zu pages, %zu bytes", site->name, site->visited, site->bytes);
    if (site->closed)
        fprintf(out, ", its robots.txt lets nobody in");
    if (site->given_up)
        fprintf(out, ", banned after %u failures", site->failures);
    if (site->left_out > 0)
        fprintf(out, ", %zu left out", site->left_out);
    fputc('\n', out);
}

/* Sites by name, broken pages by URL; true when all is well. */
static bool sites_report(const struct sites *sites, FILE *out)
{
    struct site **all = sites_allocate((sites->count + 1) * sizeof *all);
    struct page **broken;
    size_t count = 0, banned = 0;
    for (struct site *site = sites->first; site != NULL; site = site->next)
        all[count++] = site;
    qsort(all, count, sizeof *all, by_name);
    for (size_t at = 0; at < count; at++) {
        print_site(out, all[at]);
        banned += all[at]->given_up;
    }
    free(all);

    count = 0;
    for (size_t at = 0; at < PAGE_BUCKETS; at++)
        for (struct page *page = sites->pages[at]; page != NULL; page = page->next)
            count += page->outcome == BROKEN;
    broken = sites_allocate((count + 1) * sizeof *broken);
    count = 0;
    for (size_t at = 0; at < PAGE_BUCKETS; at++)
        for (struct page *page = sites->pages[at]; page != NULL; page = page->next)
            if (page->outcome == BROKEN)
                broken[count++] = page;
    qsort(broken, count, sizeof *broken, by_url);
    for (size_t at = 0; at < count; at++)
        fprintf(out, "broken: %s: %s, linked from %s\n", broken[at]->url, broken[at]->words,
                broken[at]->from == NULL ? "the command" : broken[at]->from->url);
    free(broken);
    return count == 0 && banned == 0;
}

static void sites_free(struct sites *sites)
{
    for (size_t at = 0; at < PAGE_BUCKETS; at++) {
        for (struct page *next, *page = sites->pages[at]; page != NULL; page = next) {
            next = page->next;
            free(page);
        }
    }
    for (struct site *next, *site = sites->first; site != NULL; site = next) {
        next = site->next;
        curl_easy_cleanup(site->curl);
        robots_free(&site->robots);
        free(site->robots_page);
        free(site);
    }
}

#endif
