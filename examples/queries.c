/*
 * queries: statements of many tables, each table in order, tables side by side.
 *
 *     cargo build --release
 *     cc -std=c11 -O2 -Iinclude examples/queries.c -o queries \
 *         $(pkg-config --cflags --libs sqlite3 libpq) \
 *         target/release/libtask_scheduling.a -lpthread -ldl -lm
 *     ./queries shop.sqlite <<END
 *     fruit: CREATE TABLE IF NOT EXISTS fruit (name TEXT, price INTEGER)
 *     fruit: INSERT INTO fruit VALUES ('apple', 3)
 *     fruit: SELECT * FROM fruit
 *     END
 *     ./queries -t 2.5 "host=/run/postgresql dbname=shop" <statements
 *
 * The database is a file of SQLite or, with a "=" or "postgresql://", a server.
 * Each line of standard input is "queue: SQL". A queue, most often the name of
 * a table, has a connection of its own, and a task per statement: so no two
 * tasks ever use a connection at once, and none of them locks anything.
 *
 * A statement that takes longer than -t seconds is stopped by the scheduler,
 * and that cancels it in the database; the queue goes on with its next one, on
 * the same connection. A server that does not even answer to that holds up the
 * queue, since libpq waits for it. -j queues (10) work at once. What came of
 * each line is printed in the order of the lines. The exit status is 0, 1 when a
 * statement failed, 2 for wrong use or when the lines cannot be read or the
 * answers not be written.
 */
#define _GNU_SOURCE

#include "task_scheduling.h"

#include "database_postgres.h"
#include "database_sqlite.h"
#include "host.h"
#include "printable.h"

#include <errno.h>
#include <unistd.h>

struct queue {
    struct queue *next;
    void *connection;           /* or NULL, before its first task */
    char name[256];
};

struct statement {
    struct queue *queue;
    char *sql;
    ts_task_id id;
};

static struct {
    const struct database *database;
    const char *target;
    double timeout;
    struct queue *queues;
    struct statement *statements;
    size_t count, room, failed, timed_out;
} app;

/* ---- The task ------------------------------------------------------------ */

static int32_t fail(ts_token *token, const char *words)
{
    char text[400];
    printable(words, text, sizeof text);
    ts_set_error(token, text);
    return 1;
}

/* Its result are the rows. */
static int32_t run_statement(ts_token *token, void *user_data)
{
    struct statement *statement = user_data;
    struct queue *queue = statement->queue;
    char words[200] = "no connection", *text = NULL;
    size_t size = 0;
    if (queue->connection == NULL)
        queue->connection = app.database->open(token, app.target, words);
    if (queue->connection == NULL)
        return fail(token, words);
    FILE *rows = open_memstream(&text, &size);
    if (rows == NULL)
        return fail(token, strerror(errno));
    bool good = app.database->run(token, queue->connection, statement->sql, rows, words);
    if (fclose(rows) == 0 && good && ts_set_result(token, text, size, free) == TS_OK)
        return 0;
    free(text);
    return fail(token, good ? "memory ran out" : words);
}

/* ---- The main thread ----------------------------------------------------- */

static struct queue *find_queue(const char *name)
{
    struct queue **place = &app.queues;
    for (; *place != NULL; place = &(*place)->next)
        if (strcmp((*place)->name, name) == 0)
            return *place;
    *place = calloc(1, sizeof **place);
    if (*place == NULL)
        die("memory", strerror(ENOMEM));
    snprintf((*place)->name, sizeof(*place)->name, "%s", name);
    return *place;
}

static void add_statement(struct statement *statement)
{
    ts_task_options options = TS_TASK_OPTIONS_INIT;
    options.name = statement->queue->name;
    options.run = run_statement;
    options.user_data = statement;
    options.flags = TS_KEEP | TS_INTERRUPT_BLOCKING;    /* kept until it is printed */
    if (app.timeout > 0) {
        options.flags |= TS_TIMEOUT_PROCESSING;
        options.timeout_seconds = app.timeout;
    }
    must(ts_submit(NULL, &options, &statement->id), statement->sql);
}

static void read_statements(void)
{
    char *line = NULL, name[256];
    size_t room = 0;
    while (getline(&line, &room, stdin) > 0) {
        line[strcspn(line, "\n")] = '\0';
        char *colon = strstr(line, ": ");
        if (line[0] == '\0' || line[0] == '#')
            continue;
        if (colon == NULL || colon == line)
            die(line, "a line is \"queue: SQL\"");
        *colon = '\0';
        printable(line, name, sizeof name);
        if (app.count == app.room) {
            app.room = app.room * 2 + 16;
            app.statements = realloc(app.statements, app.room * sizeof *app.statements);
        }
        char *sql = strdup(colon + 2);
        if (app.statements == NULL || sql == NULL)
            die("memory", strerror(ENOMEM));
        app.statements[app.count++] = (struct statement){ .queue = find_queue(name), .sql = sql };
    }
    if (ferror(stdin))
        die("standard input", strerror(errno));
    free(line);
}

static void print_outcome(size_t number, struct statement *statement)
{
    ts_task_status status = TS_TASK_STATUS_INIT;
    ts_value rows = { 0 };
    must(ts_wait(NULL, statement->id, TS_FOREVER, &status), "wait");
    printf("%zu %s: ", number, status.task_name);
    switch (status.state) {
    case TS_COMPLETED:
        must(ts_get_task_result(NULL, statement->id, &rows), "result");
        printf("done\n%.*s", (int)rows.size, (const char *)rows.data);
        ts_value_free(&rows);
        break;
    case TS_TIMEOUT:
        app.timed_out++;
        printf("took longer than %g s and was cancelled\n", app.timeout);
        break;
    default:
        app.failed++;
        printf("%s\n", status.error);
    }
    fflush(stdout);
    must(ts_task_forget(NULL, statement->id), "forget");
}

static void free_all(void)
{
    for (struct queue *next, *queue = app.queues; queue != NULL; queue = next) {
        next = queue->next;
        if (queue->connection != NULL)
            app.database->close(queue->connection);
        free(queue);
    }
    for (size_t at = 0; at < app.count; at++)
        free(app.statements[at].sql);
    free(app.statements);
}

int main(int argc, char **argv)
{
    char *rest = "";
    must(ts_update_config(NULL, "maximum_queue_line", "0"), "configuration");
    for (int option; (option = getopt(argc, argv, "j:t:")) != -1;) {
        if (option == 'j')
            must(ts_update_config(NULL, "line_task_max", optarg), "-j");
        else if (option == 't')
            app.timeout = strtod(optarg, &rest);
        if (option == '?' || *rest != '\0' || !(app.timeout >= 0 && app.timeout < 1e9))
            die("usage", "queries [-j queues at once] [-t seconds] database <statements");
    }
    if (optind + 1 != argc)
        die("usage", "queries [-j queues at once] [-t seconds] database <statements");
    app.target = argv[optind];
    bool server = strchr(app.target, '=') != NULL || strncmp(app.target, "postgresql://", 13) == 0;
    app.database = server ? &postgres : &sqlite;

    double started = now();
    read_statements();
    for (size_t at = 0; at < app.count; at++)
        add_statement(&app.statements[at]);
    for (size_t at = 0; at < app.count; at++)
        print_outcome(at + 1, &app.statements[at]);
    must(ts_shutdown(NULL, false), "shutdown");
    fprintf(stderr, "%zu statements in %.2f s: %zu failed, %zu took too long\n", app.count, now() - started,
            app.failed, app.timed_out);
    if (ferror(stdout))
        die("standard output", "it cannot be written");
    free_all();
    return app.failed + app.timed_out > 0;
}
