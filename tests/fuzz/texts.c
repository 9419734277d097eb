/*
 * Bytes as texts: names, YAML, keys and values, ids, words of failures. What is
 * taken comes back as it was; what is not is refused for a reason that a plain
 * look finds too, and changes nothing.
 */
#define _GNU_SOURCE
#include "input.h"

#include <sys/mman.h>
#include <unistd.h>

static const char *const keys[] = {
    "line_task_max", "maximum_queue_line", "maximum_queue_async", "maximum_event_loop_tasks", "watch_dog_time",
    "event_loop_threads", "maximum_task_info_storage", "max_idle_time", "stuck_grace", "status_check_interval",
    "stuck_task_max", "interrupt_signal", "thread_name", "thread_affinity", "thread_stack_size", "thread_nice",
};
enum { KEYS = sizeof keys / sizeof *keys };

/* How many of the bytes are the longest start that is UTF-8. */
static size_t is_utf8(const char *text, size_t size)
{
    const uint8_t *at = (const uint8_t *)text;
    size_t done = 0;
    while (done < size) {
        uint8_t first = at[done];
        size_t length = first < 0x80 ? 1 : first >> 5 == 6 ? 2 : first >> 4 == 14 ? 3 : first >> 3 == 30 ? 4 : 0;
        uint32_t code = length == 1 ? first : (uint32_t)first & (0x7fu >> length);
        if (length == 0 || done + length > size)
            break;
        for (size_t i = 1; i < length; i++) {
            if (at[done + i] >> 6 != 2)
                return done;
            code = code << 6 | (at[done + i] & 0x3f);
        }
        if ((length == 2 && code < 0x80) || (length == 3 && (code < 0x800 || (code >= 0xd800 && code < 0xe000))) ||
            (length == 4 && (code < 0x10000 || code > 0x10ffff)))
            break;
        done += length;
    }
    return done;
}

static bool all_utf8(const char *text)
{
    return is_utf8(text, strlen(text)) == strlen(text);
}

static char *value_of(ts_scheduler *scheduler, const char *key)
{
    char *value = NULL;
    CALL(ts_get_config(scheduler, key, &value), OR(TS_OK));
    SURE(value && all_utf8(value), "the value of %s", key);
    return value;
}

/* Every value is one that may be set, and then is the same. */
static void values_come_back(ts_scheduler *scheduler)
{
    for (int i = 0; i < KEYS; i++) {
        char *value = value_of(scheduler, keys[i]);
        CALL(ts_update_config(scheduler, keys[i], value), OR(TS_OK));
        char *again = value_of(scheduler, keys[i]);
        SURE(!strcmp(value, again), "%s was '%s' and is '%s'", keys[i], value, again);
        ts_string_free(value);
        ts_string_free(again);
    }
}

/* A text of YAML, as a text and as a file: both are taken, or neither. */
static void yaml(ts_scheduler *scheduler, const char *text)
{
    ts_scheduler *made = NULL;
    char path[64];
    uint64_t refused = OR(TS_ERROR_CONFIG) | OR(TS_ERROR_INVALID_ARGUMENT);
    ts_error error = CALL(ts_scheduler_new(text, &made), all_utf8(text) ? OR(TS_OK) | OR(TS_ERROR_CONFIG) : refused);
    SURE((made != NULL) == (error == TS_OK), "a scheduler with %s", ts_error_name(error));
    if (made)
        values_come_back(made);
    ts_scheduler_free(made);
    int file = memfd_create("yaml", 0);
    if (file < 0 || write(file, text, strlen(text)) != (ssize_t)strlen(text))
        abort();
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    char *before = value_of(scheduler, "line_task_max");
    CALL(ts_load_config(scheduler, path), error == TS_OK ? OR(TS_OK) : refused);
    if (error != TS_OK) {
        char *after = value_of(scheduler, "line_task_max");
        SURE(!strcmp(before, after), "a refused file changed a value");
        ts_string_free(after);
    }
    ts_string_free(before);
    close(file);
}

static void one_key(ts_scheduler *scheduler, const char *key, const char *value)
{
    uint64_t allowed = OR(TS_OK) | OR(TS_ERROR_CONFIG);
    if (strlen(key) > 255)
        allowed = OR(TS_ERROR_INVALID_ARGUMENT);
    else if (!all_utf8(key) || !all_utf8(value))
        allowed = OR(TS_ERROR_CONFIG) | OR(TS_ERROR_INVALID_ARGUMENT);
    if (CALL(ts_update_config(scheduler, key, value), allowed) == TS_OK)
        values_come_back(scheduler);
    char *got = NULL;
    ts_error error = CALL(ts_get_config(scheduler, key, &got),
                          strlen(key) > 255 ? OR(TS_ERROR_INVALID_ARGUMENT)
                          : all_utf8(key)   ? OR(TS_OK) | OR(TS_ERROR_CONFIG)
                                            : OR(TS_ERROR_CONFIG) | OR(TS_ERROR_INVALID_ARGUMENT));
    SURE((got != NULL) == (error == TS_OK), "a value with %s", ts_error_name(error));
    ts_string_free(got);
}

/* What is behind the 255th byte is not looked at, nor a character that lies across. */
static int32_t fail_with(ts_token *token, void *words)
{
    size_t size = strlen(words), looked = size < 255 ? size : 255, good = is_utf8(words, looked);
    uint64_t allowed = good == looked ? OR(TS_OK) : OR(TS_ERROR_INVALID_ARGUMENT);
    if (size > 255 && good < looked && looked - good < 4)
        allowed |= OR(TS_OK);
    CALL(ts_set_error(token, words), allowed);
    return 1;
}

/* A task of that name is called so, and fails with these words. */
static void name(ts_scheduler *scheduler, char *text, char *words)
{
    ts_pump *pump = NULL;
    ts_task_options options = TS_TASK_OPTIONS_INIT;
    ts_task_status status = TS_TASK_STATUS_INIT;
    ts_task_id id;
    size_t ran, length = strlen(text);
    uint64_t allowed = length >= 1 && length <= 255 && all_utf8(text) ? OR(TS_OK) : OR(TS_ERROR_INVALID_ARGUMENT);
    CALL(ts_pump_new(scheduler, NULL, &pump), OR(TS_OK));
    options.name = text;
    options.run = fail_with;
    options.user_data = words;
    options.pump = pump;
    options.flags = TS_KEEP;
    if (CALL(ts_submit(scheduler, &options, &id), allowed) == TS_OK) {
        CALL(ts_pump_run(pump, 0, 0, &ran), OR(TS_OK));
        CALL(ts_wait(scheduler, id, 0, &status), OR(TS_OK));
        SURE(!strcmp(status.task_name, text), "called '%s', not '%s'", status.task_name, text);
        size_t cut = strlen(words) <= 255 ? strlen(words) : is_utf8(words, 255);
        SURE(status.state == TS_FAILED && status.code == 1, "it failed");
        SURE(!all_utf8(words) || (strlen(status.error) == cut && !memcmp(status.error, words, cut)),
             "failed with '%s'", status.error);
        char *info = NULL;
        CALL(ts_get_all_queue_info(scheduler, TS_LINEAR, true, &info), OR(TS_OK));
        SURE(all_utf8(info) && strstr(info, text), "no such name in '%s'", info);
        ts_string_free(info);
        CALL(ts_task_forget(scheduler, id), OR(TS_OK));
    }
    CALL(ts_ban_task_name(scheduler, TS_LINEAR, text), allowed);
    if (allowed == OR(TS_OK))
        CALL(ts_submit(scheduler, &options, &id), OR(TS_ERROR_BANNED));
    CALL(ts_allow_task_name(scheduler, TS_LINEAR, text), allowed);
    ts_pump_free(pump);
}

static void id(const char *text)
{
    ts_task_id parsed, again;
    char written[37];
    memset(&parsed, 0x5a, sizeof parsed);
    bool good = strlen(text) == 36;
    for (size_t i = 0; good && i < 36; i++)
        good = i == 8 || i == 13 || i == 18 || i == 23 ? text[i] == '-' : strchr("0123456789abcdefABCDEF", text[i]) != NULL;
    CALL(ts_task_id_parse(text, &parsed), good ? OR(TS_OK) : OR(TS_ERROR_INVALID_ARGUMENT));
    ts_task_id_format(parsed, written);
    SURE(strlen(written) == 36, "an id is '%s'", written);
    for (size_t i = 0; i < 36; i++)
        SURE(!good ? strchr("0-", written[i]) != NULL : written[i] == (text[i] >= 'A' && text[i] <= 'F' ? text[i] + 32 : text[i]),
             "'%s' became '%s'", text, written);
    CALL(ts_task_id_parse(written, &again), OR(TS_OK));
    SURE(!memcmp(&again, &parsed, sizeof again), "'%s' is another id", written);
}

/* How threads are to be, as options. */
static void threads(char *name, char *affinity)
{
    ts_scheduler_options options = TS_SCHEDULER_OPTIONS_INIT;
    ts_scheduler *made = NULL;
    options.thread_name = name;
    options.thread_affinity = affinity;
    ts_error error = CALL(ts_scheduler_new_with(&options, &made), OR(TS_OK) | OR(TS_ERROR_INVALID_ARGUMENT));
    if (error != TS_OK)
        return;
    SURE(strlen(name) >= 1 && strlen(name) <= 11 && all_utf8(name), "'%s' was taken", name);
    values_come_back(made);
    ts_scheduler_free(made);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    ts_scheduler *scheduler = NULL;
    struct input input = { bytes, size };
    int what = below(&input, 6), key = next_byte(&input);
    char *first = next_text(&input, what == 0 ? SIZE_MAX : (size_t)next_byte(&input) * 2);
    char *second = next_text(&input, SIZE_MAX);
    CALL(ts_scheduler_new(NULL, &scheduler), OR(TS_OK));
    switch (what) {
    case 0:
        yaml(scheduler, first);
        break;
    case 1:
        one_key(scheduler, first, second);
        break;
    case 2:
        one_key(scheduler, keys[key % KEYS], first);
        break;
    case 3:
        name(scheduler, first, second);
        break;
    case 4:
        id(first);
        break;
    default:
        threads(first, second);
    }
    ts_scheduler_free(scheduler);
    free(first);
    free(second);
    return 0;
}
