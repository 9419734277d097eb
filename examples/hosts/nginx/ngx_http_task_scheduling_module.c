/*
 * A module of nginx that answers with the checksum of the requested file. The
 * file is read on the library's threads; nginx's own loop never waits for it.
 *
 *     cargo build --release
 *     examples/hosts/nginx/build build/nginx      # needs Debian's nginx-dev
 *
 *     load_module build/nginx/ngx_http_task_scheduling_module.so;
 *     http {
 *         task_scheduling_config "line_task_max: 4";      # YAML, for each worker process
 *         server {
 *             location /sums/ {
 *                 alias files/;
 *                 task_scheduling_checksum $remote_addr;  # a queue per client
 *                 task_scheduling_timeout 60s;            # then 504
 *             }
 *         }
 *     }
 *
 * Each worker process has a scheduler of its own. A request becomes a task
 * under the name that the directive gives, so of one client, or of one file,
 * nothing is done twice at a time. Its end comes back through a completion
 * queue: that one's file descriptor is a connection of nginx's loop like any
 * other, and what reads from it finalizes the request.
 *
 * The request and the task each may be gone first. So what they share, a job,
 * belongs to neither: it is freed when its completion was taken, which comes
 * always and exactly once. Until then it knows its request, or that there is
 * none any more.
 */
#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include <ngx_http.h>

#include "task_scheduling.h"

#include "cksum.h"
#include "printable.h"

#include <poll.h>

enum { AT_ONCE = 64, PIECE = 1 << 16, LOOK_EVERY = 50 /* ms */ };

typedef struct {
    ngx_http_request_t *request;        /* NULL once nobody waits for the answer */
    ngx_http_cleanup_t *cleanup;
    ngx_event_t timer;                  /* the time-out; also keeps a worker that is to quit */
    ts_task_id id;
    /* What the task reads, and what it writes. */
    int error;
    uint32_t crc;
    uint64_t size;
    char path[];
} job_t;

typedef struct {
    ngx_str_t config;
} main_conf_t;

typedef struct {
    ngx_http_complex_value_t *name;
    ngx_msec_t timeout;
} loc_conf_t;

static struct {
    ts_scheduler *scheduler;
    ts_completions *completions;
    ngx_connection_t *connection;       /* of the completions' file descriptor */
    ngx_uint_t tasks, given_up;
} host;

extern ngx_module_t ngx_http_task_scheduling_module;

/* ---- The task: on a thread of the library -------------------------------- */

/* Waits until there is something to read; false when the task is to stop. Of a
 * file there always is; of a pipe that nobody writes there may never be. */
static bool readable(ts_token *token, int fd)
{
    struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
    while (!ts_should_stop(token))
        if (poll(&poll_fd, 1, LOOK_EVERY) != 0)
            return true;
    return false;
}

static int32_t checksum(ts_token *token, void *user_data)
{
    job_t *job = user_data;
    char piece[PIECE];
    ssize_t size = 0;
    int fd = open(job->path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) {
        job->error = errno;
        return 1;
    }
    while (readable(token, fd) && (size = read(fd, piece, sizeof piece)) != 0) {
        if (size > 0) {
            job->crc = cksum_update(job->crc, piece, (size_t) size);
            job->size += (uint64_t) size;
        } else if (errno != EAGAIN && errno != EINTR) {
            job->error = errno;
            break;
        }
    }
    close(fd);
    job->crc = cksum_finish(job->crc, job->size);
    return job->error == 0 ? 0 : 1;
}

/* ---- The request: on nginx's loop ----------------------------------------- */

/* Nobody waits for the answer any more: the client is gone, or it took too
 * long. The task may be running; the job goes with its completion. */
static void give_up(job_t *job)
{
    job->request = NULL;
    host.given_up++;
    if (job->timer.timer_set)
        ngx_del_timer(&job->timer);
    ts_force_stop(host.scheduler, job->id);
}

static void request_gone(void *data)
{
    give_up(data);
}

static void timed_out(ngx_event_t *event)
{
    job_t *job = event->data;
    ngx_http_request_t *request = job->request;
    ngx_connection_t *connection = request->connection;
    job->cleanup->handler = NULL;
    give_up(job);
    ngx_http_finalize_request(request, NGX_HTTP_GATEWAY_TIME_OUT);
    ngx_http_run_posted_requests(connection);
}

static ngx_int_t answer(ngx_http_request_t *request, const job_t *job)
{
    ngx_int_t sent;
    ngx_chain_t chain;
    ngx_buf_t *buffer = ngx_create_temp_buf(request->pool, 64);
    if (buffer == NULL)
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    buffer->last = ngx_sprintf(buffer->last, "%uD %uL\n", job->crc, job->size);
    buffer->last_buf = request == request->main;
    buffer->last_in_chain = 1;
    chain.buf = buffer;
    chain.next = NULL;
    request->headers_out.status = NGX_HTTP_OK;
    request->headers_out.content_length_n = buffer->last - buffer->pos;
    ngx_str_set(&request->headers_out.content_type, "text/plain");
    request->headers_out.content_type_len = request->headers_out.content_type.len;
    sent = ngx_http_send_header(request);
    if (sent == NGX_ERROR || sent > NGX_OK || request->header_only)
        return sent;
    return ngx_http_output_filter(request, &chain);
}

static ngx_int_t status_of(const job_t *job, ts_state state)
{
    if (state == TS_FAILED && (job->error == ENOENT || job->error == ENOTDIR || job->error == ENAMETOOLONG))
        return NGX_HTTP_NOT_FOUND;
    if (state == TS_FAILED && (job->error == EACCES || job->error == EISDIR))
        return NGX_HTTP_FORBIDDEN;
    return NGX_HTTP_INTERNAL_SERVER_ERROR;
}

static void job_ended(job_t *job, ts_state state)
{
    ngx_http_request_t *request = job->request;
    if (request != NULL) {
        ngx_connection_t *connection = request->connection;
        ngx_int_t status;
        ngx_http_set_log_request(connection->log, request);
        job->cleanup->handler = NULL;
        if (job->timer.timer_set)
            ngx_del_timer(&job->timer);
        if (state == TS_COMPLETED) {
            status = answer(request, job);
        } else {
            status = status_of(job, state);
            ngx_log_error(NGX_LOG_ERR, connection->log, job->error, "checksum of \"%s\"", job->path);
        }
        ngx_http_finalize_request(request, status);
        ngx_http_run_posted_requests(connection);
    }
    ngx_free(job);
}

static void completions_readable(ngx_event_t *event)
{
    ts_completion ends[AT_ONCE];
    size_t count;
    (void) event;
    while (ts_completions_take(host.completions, ends, AT_ONCE, 0, &count) == TS_OK)
        for (size_t i = 0; i < count; i++)
            job_ended(ends[i].data, ends[i].state);
}

static job_t *new_job(ngx_http_request_t *request)
{
    size_t root;
    ngx_str_t path;
    job_t *job;
    if (ngx_http_map_uri_to_path(request, &path, &root, 0) == NULL)
        return NULL;
    job = ngx_calloc(sizeof *job + path.len + 1, request->connection->log);
    if (job == NULL)
        return NULL;
    ngx_memcpy(job->path, path.data, path.len);
    job->request = request;
    job->timer.data = job;
    job->timer.handler = timed_out;
    job->timer.log = ngx_cycle->log;
    return job;
}

static ts_error submit(job_t *job, const ngx_str_t *name)
{
    char raw[256], text[256];
    ts_task_options options = TS_TASK_OPTIONS_INIT;
    ngx_cpystrn((u_char *) raw, name->data, ngx_min(name->len + 1, sizeof raw));
    printable(raw, text, sizeof text);          /* a URI may be any bytes */
    options.name = name->len > 0 ? text : NULL;
    options.run = checksum;
    options.user_data = job;
    options.completions = host.completions;
    options.completion_data = job;
    return ts_submit(host.scheduler, &options, &job->id);
}

static ngx_int_t handle(ngx_http_request_t *request)
{
    loc_conf_t *conf = ngx_http_get_module_loc_conf(request, ngx_http_task_scheduling_module);
    ngx_str_t name;
    job_t *job;
    ts_error error;
    ngx_int_t status;
    if ((request->method & (NGX_HTTP_GET | NGX_HTTP_HEAD)) == 0)
        return NGX_HTTP_NOT_ALLOWED;
    status = ngx_http_discard_request_body(request);
    if (status != NGX_OK)
        return status;
    if (ngx_http_complex_value(request, conf->name, &name) != NGX_OK)
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    ngx_http_cleanup_t *cleanup = ngx_http_cleanup_add(request, 0);
    job = cleanup == NULL ? NULL : new_job(request);
    if (job == NULL)
        return NGX_HTTP_INTERNAL_SERVER_ERROR;

    error = submit(job, &name);
    if (error != TS_OK) {
        ngx_log_error(NGX_LOG_ERR, request->connection->log, 0, "task_scheduling: %s",
                      ts_last_error_message());
        ngx_free(job);
        return error == TS_ERROR_QUEUE_FULL ? NGX_HTTP_SERVICE_UNAVAILABLE
                                            : NGX_HTTP_INTERNAL_SERVER_ERROR;
    }
    host.tasks++;
    cleanup->handler = request_gone;
    cleanup->data = job;
    job->cleanup = cleanup;
    ngx_add_timer(&job->timer, conf->timeout);
    request->write_event_handler = ngx_http_request_empty_handler;
    if (!request->discard_body) {
        /* So that nginx notices a client that goes, and calls the cleanup. */
        request->read_event_handler = ngx_http_test_reading;
        if (request->connection->read->ready) {
            ngx_post_event(request->connection->read, &ngx_posted_events);
        }
    }
    request->main->count++;
    return NGX_DONE;
}

/* ---- Worker processes ---------------------------------------------------- */

static ngx_int_t refuse(ngx_cycle_t *cycle, const char *what)
{
    ngx_log_error(NGX_LOG_EMERG, cycle->log, 0, "task_scheduling: %s: %s", what, ts_last_error_message());
    return NGX_ERROR;
}

static ngx_int_t init_process(ngx_cycle_t *cycle)
{
    main_conf_t *conf;
    char *yaml;
    int fd;
    if (ngx_process != NGX_PROCESS_WORKER && ngx_process != NGX_PROCESS_SINGLE)
        return NGX_OK;
    if (cycle->conf_ctx[ngx_http_module.index] == NULL)
        return NGX_OK;          /* no http block */
    conf = ngx_http_cycle_get_module_main_conf(cycle, ngx_http_task_scheduling_module);
    yaml = ngx_pcalloc(cycle->pool, conf->config.len + 1);
    if (yaml == NULL)
        return NGX_ERROR;
    ngx_memcpy(yaml, conf->config.data, conf->config.len);
    cksum_init();
    if (ts_scheduler_new(yaml, &host.scheduler) != TS_OK)
        return refuse(cycle, "task_scheduling_config");
    if (ts_completions_new(host.scheduler, &host.completions) != TS_OK ||
        ts_completions_fd(host.completions, &fd) != TS_OK)
        return refuse(cycle, "completions");
    host.connection = ngx_get_connection(fd, cycle->log);
    if (host.connection == NULL)
        return NGX_ERROR;
    host.connection->read->handler = completions_readable;
    host.connection->read->log = cycle->log;
    /* Not edge-triggered: completions_readable may leave some for the next round. */
    return ngx_add_event(host.connection->read, NGX_READ_EVENT, NGX_LEVEL_EVENT);
}

static void exit_process(ngx_cycle_t *cycle)
{
    ts_completion ends[AT_ONCE];
    size_t count;
    if (host.scheduler == NULL)
        return;
    if (host.connection != NULL) {
        ngx_del_event(host.connection->read, NGX_READ_EVENT, 0);
        ngx_free_connection(host.connection);
        host.connection->fd = (ngx_socket_t) -1;        /* which is the library's to close */
    }
    /* After a graceful quit nothing runs. After a fast one something may, and
     * its request will not be answered; it heeds the stop. */
    ts_shutdown(host.scheduler, true);
    while (ts_completions_take(host.completions, ends, AT_ONCE, 0, &count) == TS_OK)
        for (size_t i = 0; i < count; i++)
            ngx_free(ends[i].data);
    ts_completions_free(host.completions);
    ts_scheduler_free(host.scheduler);
    host.scheduler = NULL;
    ngx_log_error(NGX_LOG_NOTICE, cycle->log, 0, "task_scheduling: %ui tasks, %ui given up", host.tasks,
                  host.given_up);
}

/* ---- Configuration ------------------------------------------------------- */

static void *create_main_conf(ngx_conf_t *cf)
{
    return ngx_pcalloc(cf->pool, sizeof(main_conf_t));
}

static void *create_loc_conf(ngx_conf_t *cf)
{
    loc_conf_t *conf = ngx_pcalloc(cf->pool, sizeof *conf);
    if (conf != NULL)
        conf->timeout = NGX_CONF_UNSET_MSEC;
    return conf;
}

/* The name is not inherited: the handler belongs to its location. */
static char *merge_loc_conf(ngx_conf_t *cf, void *parent, void *child)
{
    loc_conf_t *before = parent, *conf = child;
    (void) cf;
    ngx_conf_merge_msec_value(conf->timeout, before->timeout, 60000);
    return NGX_CONF_OK;
}

static char *set_checksum(ngx_conf_t *cf, ngx_command_t *command, void *data)
{
    ngx_http_core_loc_conf_t *core = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);
    core->handler = handle;
    return ngx_http_set_complex_value_slot(cf, command, data);
}

/* Tried while nginx reads its configuration: what the worker processes refused,
 * each by its end, would be found only when those before them are gone. */
static char *set_config(ngx_conf_t *cf, ngx_command_t *command, void *data)
{
    main_conf_t *conf = data;
    ts_scheduler *scheduler;
    char *yaml, *wrong = ngx_conf_set_str_slot(cf, command, data);
    if (wrong != NGX_CONF_OK)
        return wrong;
    yaml = ngx_pcalloc(cf->temp_pool, conf->config.len + 1);
    if (yaml == NULL)
        return NGX_CONF_ERROR;
    ngx_memcpy(yaml, conf->config.data, conf->config.len);
    if (ts_scheduler_new(yaml, &scheduler) != TS_OK) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "task_scheduling_config: %s", ts_last_error_message());
        return NGX_CONF_ERROR;
    }
    ts_scheduler_free(scheduler);
    return NGX_CONF_OK;
}

static ngx_command_t commands[] = {
    { ngx_string("task_scheduling_config"), NGX_HTTP_MAIN_CONF | NGX_CONF_TAKE1, set_config,
      NGX_HTTP_MAIN_CONF_OFFSET, offsetof(main_conf_t, config), NULL },
    { ngx_string("task_scheduling_checksum"), NGX_HTTP_LOC_CONF | NGX_CONF_TAKE1, set_checksum,
      NGX_HTTP_LOC_CONF_OFFSET, offsetof(loc_conf_t, name), NULL },
    { ngx_string("task_scheduling_timeout"),
      NGX_HTTP_MAIN_CONF | NGX_HTTP_SRV_CONF | NGX_HTTP_LOC_CONF | NGX_CONF_TAKE1, ngx_conf_set_msec_slot,
      NGX_HTTP_LOC_CONF_OFFSET, offsetof(loc_conf_t, timeout), NULL },
    ngx_null_command
};

static ngx_http_module_t context = {
    .create_main_conf = create_main_conf,
    .create_loc_conf = create_loc_conf,
    .merge_loc_conf = merge_loc_conf,
};

ngx_module_t ngx_http_task_scheduling_module = {
    NGX_MODULE_V1,
    &context,
    commands,
    NGX_HTTP_MODULE,
    NULL,               /* init master */
    NULL,               /* init module */
    init_process,
    NULL,               /* init thread */
    NULL,               /* exit thread */
    exit_process,
    NULL,               /* exit master */
    NGX_MODULE_V1_PADDING
};
