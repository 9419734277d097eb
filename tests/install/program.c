/* What a program does first with a library that was installed. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <task_scheduling.h>

static int32_t double_it(ts_token *token, void *number)
{
    int32_t twice = 2 * *(int32_t *)number;
    return ts_set_result(token, &twice, sizeof twice, NULL) != TS_OK;
}

int main(void)
{
    int32_t number = 21, twice;
    ts_task_id id;
    ts_value value;
    if (strcmp(ts_version(), TS_VERSION) != 0 ||
        ts_add_task(NULL, true, "numbers", double_it, &number, NULL, &id) != TS_OK ||
        ts_wait(NULL, id, TS_FOREVER, NULL) != TS_OK ||
        ts_get_task_result(NULL, id, &value) != TS_OK) {
        fprintf(stderr, "%s\n", ts_last_error_message());
        return 1;
    }
    memcpy(&twice, value.data, sizeof twice);
    ts_value_free(&value);
    printf("%" PRId32 "\n", twice);
    return ts_shutdown(NULL, false) != TS_OK;
}
