/*
 * crawl: follows the links from a page, and reports which are broken.
 *
 *     cargo build --release
 *     cc -std=c11 -O2 -Iinclude examples/crawl.c -o crawl \
 *         $(pkg-config --cflags --libs libcurl libxml-2.0) \
 *         target/release/libtask_scheduling.a -lpthread -ldl -lm
 *     ./crawl -d 0.5 http://127.0.0.1:8000/
 *
 * Each site, a scheme with host and port, is a queue, and each page a task. So
 * a site is asked for one thing at a time, and since a task first sleeps until
 * the site has had -d seconds (1) of peace, politely; sites go side by side. A
 * task adds the tasks of the links that it finds.
 *
 * The first task of a site reads its robots.txt. Where that lets nobody in, the
 * task fails, and TS_BAN_ON_FAILURE bans the site's name before the next task of
 * it starts. After -f failures (3; 0: never) in a row, which are answers of 500 and above,
 * none at all, and those that take longer than -t seconds (10), a task bans the
 * name itself. Either way what waits for the site is cancelled, and later links
 * to it are refused.
 *
 * At most -m pages (1000) are visited. SIGINT and SIGTERM stop the crawl; the
 * report comes all the same. The exit status is 0, 1 when a link was broken or a
 * site was banned, 128 + signal when it was stopped, 2 for wrong use.
 */
#define _GNU_SOURCE

#include "task_scheduling.h"

#include "host.h"
#include "printable.h"
#include "robots.h"
#include "sites.h"
#include "transfer.h"

#include <errno.h>
#include <libxml/HTMLparser.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

enum { PAGE = 4 << 20 };

static struct {
    double delay, timeout;
    unsigned failures;
    size_t most_pages;
    atomic_bool interrupted;
    pthread_t main_thread;
    pthread_mutex_t adding;     /* guards what follows, and the order of adds */
    struct sites sites;
    size_t pages;
    pthread_mutex_t mutex;      /* guards what follows, and each site's left_out */
    size_t in_flight;
} app = {
    .delay = 1, .timeout = 10, .failures = 3, .most_pages = 1000, .adding = PTHREAD_MUTEX_INITIALIZER, .mutex = PTHREAD_MUTEX_INITIALIZER, .in_flight = 1 /* main()'s */
};

/* ---- Adding tasks -------------------------------------------------------- */

static void let_go(void)
{
    pthread_mutex_lock(&app.mutex);
    bool last = --app.in_flight == 0;
    pthread_mutex_unlock(&app.mutex);
    if (last)
        pthread_kill(app.main_thread, SIGUSR1);
}

static void end_page(void *user_data)
{
    struct page *page = user_data;
    pthread_mutex_lock(&app.mutex);
    page->site->left_out += page->outcome == NOT_VISITED;
    pthread_mutex_unlock(&app.mutex);
    let_go();
}

/* A link may lead to a host of any bytes; the name of its tasks is UTF-8. */
static const char *task_name(const struct site *site, char name[256])
{
    printable(site->name, name, 256);
    return name;
}

static void add_task(struct page *page, ts_task_fn run, uint32_t flags)
{
    ts_task_options options = TS_TASK_OPTIONS_INIT;
    ts_task_id id;
    char name[256];
    options.name = task_name(page->site, name);
    options.run = run;
    options.user_data = page;
    options.drop = end_page;
    options.flags = flags | TS_TIMEOUT_PROCESSING | TS_INTERRUPT_BLOCKING;
    options.timeout_seconds = app.timeout + app.delay;
    pthread_mutex_lock(&app.mutex);
    app.in_flight++;
    pthread_mutex_unlock(&app.mutex);
    ts_error error = ts_submit(NULL, &options, &id);
    if (error == TS_OK)
        return;
    if (error != TS_ERROR_BANNED && error != TS_ERROR_SHUTTING_DOWN)
        must(error, page->url);
    end_page(page);             /* refused: still ours */
}

static int32_t visit(ts_token *token, void *user_data);
static int32_t read_robots(ts_token *token, void *user_data);

static void add_url(const char *site_name, const char *url, const struct page *from)
{
    bool new_site = false;
    pthread_mutex_lock(&app.adding);
    struct page **place = sites_place(&app.sites, url);
    if (*place == NULL && app.pages < app.most_pages) {
        struct site *site = sites_site(&app.sites, site_name, &new_site);
        *place = new_page(site, url, from);
        app.pages++;
        if (new_site)
            add_task(site->robots_page, read_robots, TS_BAN_ON_FAILURE);
        add_task(*place, visit, 0);
    }
    pthread_mutex_unlock(&app.adding);
}

/* A link, as it stands in the page from, or NULL for the first one. */
static void add_link(const char *link, const struct page *from)
{
    char site_name[200], *text = NULL;
    CURLU *url = curl_url();
    if (url != NULL && (from == NULL || curl_url_set(url, CURLUPART_URL, from->url, 0) == CURLUE_OK) &&
        curl_url_set(url, CURLUPART_URL, link, 0) == CURLUE_OK &&
        transfer_server(url, site_name, sizeof site_name) &&
        curl_url_set(url, CURLUPART_FRAGMENT, NULL, 0) == CURLUE_OK &&
        curl_url_get(url, CURLUPART_URL, &text, 0) == CURLUE_OK)
        add_url(site_name, text, from);
    curl_free(text);
    curl_url_cleanup(url);
}

static void add_links(htmlDocPtr document, const struct page *page)
{
    xmlNode *node = xmlDocGetRootElement(document);
    while (node != NULL) {
        if (node->type == XML_ELEMENT_NODE && xmlStrcasecmp(node->name, BAD_CAST "a") == 0) {
            xmlChar *link = xmlGetProp(node, BAD_CAST "href");
            if (link != NULL)
                add_link((const char *)link, page);
            xmlFree(link);
        }
        if (node->children != NULL && node->type == XML_ELEMENT_NODE) {
            node = node->children;
            continue;
        }
        while (node != NULL && node->next == NULL)
            node = node->parent;
        node = node == NULL ? NULL : node->next;
    }
}

/* ---- Tasks --------------------------------------------------------------- */

/* Of a site's tasks only one runs, so its handle is that one's. False when the
 * task was stopped before it asked for anything. */
static bool get(ts_token *token, struct page *page, struct transfer *transfer)
{
    struct site *site = page->site;
    double peace = site->free_at - now();
    if (peace > 0 && ts_interruptible_sleep(token, peace) != TS_OK)
        return false;
    if (site->curl == NULL && (site->curl = curl_easy_init()) == NULL)
        return false;
    transfer->token = token;
    transfer->most = PAGE;
    transfer_run(transfer, site->curl, "GET", page->url, NULL);
    site->free_at = now() + app.delay;
    return true;
}

static int32_t read_robots(ts_token *token, void *user_data)
{
    struct page *page = user_data;
    struct site *site = page->site;
    struct transfer transfer = { 0 };
    get(token, page, &transfer);
    if (transfer.status == 200 && transfer.bytes != NULL)
        robots_read(&site->robots, transfer.bytes);
    free(transfer.bytes);
    site->closed = !robots_allow(&site->robots, "/");
    if (site->closed) {         /* the ban is all that it takes */
        robots_free(&site->robots);
        site->robots = (struct robots){ 0 };
        ts_set_error(token, "its robots.txt lets nobody in");
        return 1;
    }
    return 0;
}

static void note_failure(struct site *site, bool failed)
{
    site->failures = failed ? site->failures + 1 : 0;
    if (failed && site->failures == app.failures) {
        char name[256];
        site->given_up = true;
        must(ts_ban_task_name(NULL, TS_LINEAR, task_name(site, name)), name);
    }
}

static void read_page(struct page *page, const struct transfer *transfer)
{
    struct site *site = page->site;
    const char *type = NULL, *target = NULL;
    curl_easy_getinfo(site->curl, CURLINFO_CONTENT_TYPE, &type);
    curl_easy_getinfo(site->curl, CURLINFO_REDIRECT_URL, &target);
    if (target != NULL)
        add_link(target, page);
    if (transfer->bytes == NULL || type == NULL || strncasecmp(type, "text/html", 9) != 0)
        return;
    int options = HTML_PARSE_RECOVER | HTML_PARSE_NOERROR | HTML_PARSE_NOWARNING | HTML_PARSE_NONET;
    htmlDocPtr document = htmlReadMemory(transfer->bytes, (int)transfer->kept, page->url, NULL, options);
    if (document != NULL) {
        add_links(document, page);
        xmlFreeDoc(document);
    }
}

static int32_t visit(ts_token *token, void *user_data)
{
    struct page *page = user_data;
    struct site *site = page->site;
    struct transfer transfer = { 0 };
    if (!robots_allow(&site->robots, page_path(page)) || !get(token, page, &transfer))
        return 0;               /* not visited */
    bool stopped = ts_should_stop(token);
    if (transfer.status == 0 && stopped && atomic_load(&app.interrupted)) {
        free(transfer.bytes);
        return 0;
    }
    page->outcome = transfer.status >= 200 && transfer.status < 400 ? VISITED : BROKEN;
    if (transfer.status != 0)
        snprintf(page->words, sizeof page->words, "%ld", transfer.status);
    else if (stopped)
        snprintf(page->words, sizeof page->words, "it takes too long");
    else
        printable(transfer.words, page->words, sizeof page->words);
    site->visited++;
    site->bytes += transfer.received;
    note_failure(site, transfer.status == 0 || transfer.status >= 500);
    if (page->outcome == VISITED)
        read_page(page, &transfer);
    free(transfer.bytes);
    return page->outcome == BROKEN;
}

/* ---- The main thread ----------------------------------------------------- */

/* 0 when nothing is left to visit, or the signal that came before. */
static int wait_for_end(const sigset_t *signals)
{
    int number = 0;
    sigwait(signals, &number);
    if (number != SIGUSR1)
        atomic_store(&app.interrupted, true);
    must(ts_shutdown(NULL, number != SIGUSR1), "shutdown");
    return number == SIGUSR1 ? 0 : number;
}

static void parse_options(int argc, char **argv)
{
    for (int option; (option = getopt(argc, argv, "d:f:m:t:")) != -1;) {
        switch (option) {
        case 'd': app.delay = strtod(optarg, NULL); break;
        case 'f': app.failures = (unsigned)strtoul(optarg, NULL, 10); break;
        case 'm': app.most_pages = strtoul(optarg, NULL, 10); break;
        case 't': app.timeout = strtod(optarg, NULL); break;
        default: exit(2);
        }
    }
    if (optind + 1 != argc || !(app.delay >= 0 && app.delay < 1e6) || !(app.timeout > 0 && app.timeout < 1e6))
        die("usage", "crawl [-d seconds] [-f failures] [-m pages] [-t seconds] URL");
}

int main(int argc, char **argv)
{
    sigset_t signals;
    double started = now();
    parse_options(argc, argv);
    must(ts_update_config(NULL, "maximum_queue_line", "0"), "configuration");
    must(ts_update_config(NULL, "line_task_max", "100"), "configuration");
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        die("libcurl", "it cannot begin");
    xmlInitParser();
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    app.main_thread = pthread_self();

    add_link(argv[optind], NULL);
    if (app.sites.count == 0)
        die(argv[optind], "no URL of http or https");
    let_go();
    int signal = wait_for_end(&signals);
    bool good = sites_report(&app.sites, stdout);
    printf("%zu pages found in %.2f s%s\n", app.pages, now() - started, signal == 0 ? "" : ", stopped");
    sites_free(&app.sites);
    xmlCleanupParser();
    curl_global_cleanup();
    return signal != 0 ? 128 + signal : !good;
}
