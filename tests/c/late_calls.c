/* A thread's last destructors, which run when the library's own thread-locals
 * are gone, can still fail, ask why, and free values. */
#include <task_scheduling.h>

#include <pthread.h>
#include <string.h>

static pthread_key_t key;
static int drops;
static int late;

static void drop(void *user_data)
{
    (void)user_data;
    drops++;
}

static int use(void)
{
    ts_task_id id;
    ts_value value = { &drops, 0, drop };
    ts_error error = ts_task_id_parse(NULL, &id);
    ts_value_free(&value);
    /* Freeing did not fail inside, so the words are still the parser's. */
    return error == TS_ERROR_INVALID_ARGUMENT
        && strcmp(ts_last_error_message(), "text is NULL") == 0;
}

static void at_the_end(void *again)
{
    late += use();
    /* Destructors of keys run in rounds: once more in the next one. */
    if (again != &key)
        pthread_setspecific(key, &key);
}

static void *thread(void *unused)
{
    pthread_setspecific(key, &drops);
    return use() ? &key : unused;
}

int main(void)
{
    pthread_t id;
    void *used = NULL;
    if (pthread_key_create(&key, at_the_end) != 0 || pthread_create(&id, NULL, thread, NULL) != 0
        || pthread_join(id, &used) != 0)
        return 1;
    return !(used != NULL && late == 2 && drops == 3);
}
