/* Four static libraries in Rust in one program, each made by scripts/go-archive: two that panic and
 * catch that, this library, and this library under other names. */
#include <stdio.h>
#include <string.h>
#include <task_scheduling.h>

int one_catch(int depth);
int two_catch(int depth);
ts_error other_ts_scheduler_new(const char *config_yaml, ts_scheduler **out);
void other_ts_scheduler_free(ts_scheduler *scheduler);
ts_error other_ts_update_config(ts_scheduler *scheduler, const char *key, const char *value);
const char *other_ts_last_error_message(void);

int main(void)
{
    ts_scheduler *its = NULL, *other = NULL;
    int depth;
    for (depth = 0; depth < 20; depth++)
        if (one_catch(depth) != depth + 1 || two_catch(depth) != depth + 1)
            return 1;
    if (ts_scheduler_new(NULL, &its) != TS_OK || other_ts_scheduler_new(NULL, &other) != TS_OK)
        return 2;
    /* Each has its own last error. */
    if (ts_update_config(its, "of_this", "1") != TS_ERROR_CONFIG ||
        other_ts_update_config(other, "of_the_other", "1") != TS_ERROR_CONFIG ||
        strstr(ts_last_error_message(), "of_this") == NULL ||
        strstr(other_ts_last_error_message(), "of_the_other") == NULL)
        return 3;
    ts_scheduler_free(its);
    other_ts_scheduler_free(other);
    puts("ok");
    return 0;
}
