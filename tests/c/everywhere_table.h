/* What each function gives in each place, a letter each:
 *
 *     o TS_OK, or nothing        D TS_ERROR_WOULD_DEADLOCK    I TS_ERROR_INVALID_ARGUMENT
 *     Y TS_NOT_YET               W TS_ERROR_WRONG_THREAD      N TS_ERROR_NOT_FINISHED
 *     T TS_ERROR_TIMED_OUT       K TS_ERROR_WRONG_KIND        F TS_ERROR_QUEUE_FULL
 *     . no such call here
 *
 * In the order of the header, but for what nothing can follow. */
#ifndef EVERYWHERE_TABLE_H
#define EVERYWHERE_TABLE_H

#include "everywhere_hosts.h"

/* clang-format off */
static const row table[] = {
/* PLAINLY
 * | IN_TASK
 * | | IN_POLL
 * | | | IN_DROP, IN_ASYNC_DROP, IN_CANCELLED_DROP, IN_RESULT_DROP
 * | | | |    IN_END, IN_END_DROP, IN_ASYNC_END
 * | | | |    |   IN_READY
 * | | | |    |   | IN_PUMP_TASK
 * | | | |    |   | | WITH_CLAIM
 * | | | |    |   | | | IN_LOG
 * | | | |    |   | | | | IN_THREAD_START, IN_THREAD_STOP
 * | | | |    |   | | | | |                                                               */
{ "o o o oooo ooo o o o o oo", "ts_error_name", "", error_name },
{ "o o o oooo ooo o o o o oo", "ts_last_error_message", "", last_error_message },
{ "o o o oooo ooo o o o o oo", "ts_scheduler_new", "", scheduler_new },
{ "o o o oooo ooo o o o o oo", "ts_scheduler_new_with", "", scheduler_new_with },
{ "o o o oooo ooo o o o o oo", "ts_add_task", "", add_task },
{ "o o o oooo ooo o o o o oo", "ts_submit", "", submit_task },
{ "F D D DDDD DDD D D D D DD", "ts_submit", "that waits for room in its own", submit_to_full_lane },
{ "F D D DDDD DDD D D F D DD", "ts_submit", "that waits for room in another", submit_to_full },
{ "o o o oooo ooo o o o o oo", "ts_force_stop", "", force_stop },
{ "o o o oooo ooo o o o o oo", "ts_ban_task_name", "", ban },
{ "o o o oooo ooo o o o o oo", "ts_allow_task_name", "", allow },
{ "o o o oooo ooo o o o o oo", "ts_cancel_all_queued_tasks_by_name", "", cancel_all },
{ "o o o oooo ooo o o o o oo", "ts_should_stop", "", should_stop },
{ "o o K oooo ooo o o o o oo", "ts_interruptible_sleep", "", interruptible_sleep },
{ "W o o WWWW WWW W o o W WW", "ts_set_result", "", set_result },
{ "W o o WWWW WWW W o o W WW", "ts_set_error", "", set_error },
{ "o o o oooo ooo o o o o oo", "ts_add_async_task", "", add_async_task },
{ "I K Y IIII III I K K I II", "ts_async_sleep", "", async_sleep },
{ "I K o IIII III I K K I II", "ts_async_sleep_cancel", "", async_sleep_cancel },
{ "I K Y IIII III I K K I II", "ts_async_wait_fd", "", async_wait_fd },
{ "I K o IIII III I K K I II", "ts_async_wait_task", "that has ended", async_wait_task },
{ "I K Y IIII III I K K I II", "ts_async_wait_task", "that runs", async_wait_running },
{ "I K o IIII III I K K I II", "ts_waker_clone", "", waker_clone },
{ "o o o oooo ooo o o o o oo", "ts_waker_wake", "", waker_wake },
{ "o o o oooo ooo o o o o oo", "ts_waker_free", "", waker_free },
{ "o o o oooo ooo o o o o oo", "ts_get_task_state", "", get_task_state },
{ "o o o oooo ooo o o o o oo", "ts_get_task_status", "", get_task_status },
{ "o o o oooo ooo o o o o oo", "ts_wait", "for one that has ended", wait_ended },
{ "N N N NNNN NNN N N N N NN", "ts_wait", "for one that runs, 0 seconds", wait_running_0 },
{ "T T D TDTT TTD T T T T DD", "ts_wait", "for one that runs, some time", wait_running },
{ ". D D DDD. ooo . D D . ..", "ts_wait", "for the very task, for ever", wait_own },
{ "o o o oooo ooo o o o o oo", "ts_get_task_result", "", get_task_result },
{ "o o o oooo ooo o o o o oo", "ts_value_free", "", value_free },
{ "o o o oooo ooo o o o o oo", "ts_task_forget", "", task_forget },
{ "o o o oooo ooo o o o o oo", "ts_list_tasks", "", list_tasks },
{ "o o o oooo ooo o o o o oo", "ts_get_all_queue_info", "", get_all_queue_info },
{ "o o o oooo ooo o o o o oo", "ts_string_free", "", string_free },
{ "o o o oooo ooo o o o o oo", "ts_task_id_format", "", task_id_format },
{ "o o o oooo ooo o o o o oo", "ts_task_id_parse", "", task_id_parse },
{ "o o o oooo ooo o o o o oo", "ts_lane_new", "", lane_new },
{ "o o o oooo ooo o o o o oo", "ts_lane_add_task", "", lane_add_task },
{ "o o o oooo ooo o o o o oo", "ts_lane_add_async_task", "", lane_add_async_task },
{ "o o o oooo ooo o o o o oo", "ts_lane_free", "", lane_free },
{ "o o o oooo ooo o o o o oo", "ts_scheduler_set_runner", "", set_runner },
{ "o o o oooo ooo o o o o oo", "ts_completions_new", "", completions_new },
{ "o o o oooo ooo o o o o oo", "ts_completions_take", "that finds one", completions_take_one },
{ "Y Y Y YYYY YYY Y Y Y Y YY", "ts_completions_take", "that finds none, 0 seconds", completions_take_none },
{ "T D D DDDD DDD D D T D DD", "ts_completions_take", "that finds none, some time", completions_take_wait },
{ "o o o oooo ooo o o o o oo", "ts_completions_fd", "", completions_fd },
{ "o o o oooo ooo o o o o oo", "ts_completions_free", "", completions_free },
{ "o o o oooo ooo o o o o oo", "ts_pump_new", "", pump_new },
{ ". . . .... ... o D . . ..", "ts_pump_run", "of a pump of its own", pump_run_own },
{ "o o o oooo ooo o o o o oo", "ts_pump_run", "of another, with a task", pump_run_task },
{ "o o o oooo ooo o o o o oo", "ts_pump_run", "of another, with none", pump_run },
{ "o o o oooo ooo o o o o oo", "ts_pump_fd", "", pump_fd },
{ "o o o oooo ooo o o o o oo", "ts_pump_free", "", pump_free },
{ "o o o oooo ooo o o o o oo", "ts_claim_submit", "", claim_submit },
{ "o o o oooo ooo o o o o oo", "ts_claim_start", "", claim_start },
{ "o o o oooo ooo o o o o oo", "ts_claim_finish", "", claim_finish },
{ "o o o oooo ooo o o o o oo", "ts_claim_end", "", claim_end },
{ "o o o oooo ooo o o o o oo", "ts_lane_claim_task", "", lane_claim_task },
{ "o o o oooo ooo o o o o oo", "ts_claims_submit", "", claims_submit },
{ "o o o oooo ooo o o o o oo", "ts_claims_finish", "", claims_finish },
{ "o o o oooo ooo o o o o oo", "ts_claims_take", "that finds one", claims_take_one },
{ "Y Y Y YYYY YYY Y Y Y Y YY", "ts_claims_take", "that finds none, 0 seconds", claims_take_none },
{ "T D D DDDD DDD D D T D DD", "ts_claims_take", "that finds none, some time", claims_take_wait },
{ "o o o oooo ooo o o o o oo", "ts_claims_fd", "", claims_fd },
{ "o o o oooo ooo o o o o oo", "ts_update_config", "", update_config },
{ "o o o oooo ooo o o o o oo", "ts_load_config", "", load_config },
{ "o o o oooo ooo o o o o oo", "ts_get_config", "", get_config },
{ "o o o oooo ooo o o o o oo", "ts_set_log_callback", "", set_log_callback },
{ "o o o oooo ooo o o o o oo", "ts_version", "", version },
{ "o D D DDDD DDD D D o D DD", "ts_shutdown", "of another one", shut_down_other },
{ ". D D DDDD DDD D D D D DD", "ts_shutdown", "of the very one", shut_down },
{ "T D D DDDD DDD D D D D DD", "ts_shutdown_within", "some time", shut_down_within },
{ "T D D DDDD DDD D D T D DD", "ts_shutdown_within", "0 seconds", shut_down_within_0 },
{ "o D D DDDD DDD D D o D DD", "ts_scheduler_free", "of another one", scheduler_free },
};
/* clang-format on */

#endif
