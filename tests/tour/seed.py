"""Runs the examples of the README of the Python package task_scheduling 1.1.10
with that package, each in a process of its own, and prints what came of them.
examples/tour.c does the same, and prints the same lines and more.

The sleeps are shorter. What is broken in this version is left out: a shutdown
that is not forced does not wait for a running asyncio task, and one that is
forced sometimes does not end while tasks run."""
import asyncio
import contextlib
import os
import re
import signal
import sys
import time

input_info = "test"
printed = []
lines = []


def line_task(info):
    while True:
        interruptible_sleep(0.01)
        printed.append(("linear", info))


async def asyncio_task(info):
    while True:
        await asyncio.sleep(0.01)
        printed.append(("asyncio", info))


def line_task_with_result(info):
    interruptible_sleep(0.05)
    return info


async def asyncio_task_with_result(info):
    await asyncio.sleep(0.05)
    return info


def until(condition):
    deadline = time.time() + 30
    while not condition():
        if time.time() > deadline:
            print("the example hangs", file=sys.stderr)
            os._exit(1)
        time.sleep(0.005)


def has_printed(kind):
    return (kind, "test") in printed


def say(what, value):
    print(f"  {what}: {'yes' if value is True else 'no' if value is False else value}")


def said(sentence):
    say(f"said '{sentence}'", sentence in lines)


def head(kind):
    return get_all_queue_info(kind, True).strip("\n").split("\n")[0]


def example_add_task():
    one = add_task(True, "task1", line_task, input_info)
    two = add_task(True, "task2", asyncio_task, input_info)
    until(lambda: has_printed("linear") and has_printed("asyncio"))
    say("ids", f"{len(one)} and {len(two)} characters")
    say("ids differ", one != two)
    say("both printed test", True)


def example_ban_task_name():
    add_task(True, "task1", line_task, input_info)
    io_liner_task.ban_task_name("task1")
    say("task1 added again", add_task(True, "task1", line_task, input_info) is not None)
    add_task(True, "task2", asyncio_task, input_info)
    io_async_task.ban_task_name("task2")
    say("task2 added again", add_task(True, "task2", asyncio_task, input_info) is not None)
    said("Io linear task | task1 | is banned from execution")


def example_allow_task_name():
    io_liner_task.ban_task_name("task1")
    say("task1 added", add_task(True, "task1", line_task, input_info) is not None)
    io_liner_task.allow_task_name("task1")
    say("task1 added again", add_task(True, "task1", line_task, input_info) is not None)
    io_async_task.ban_task_name("task2")
    say("task2 added", add_task(True, "task2", asyncio_task, input_info) is not None)
    io_async_task.allow_task_name("task2")
    say("task2 added again", add_task(True, "task2", asyncio_task, input_info) is not None)
    until(lambda: has_printed("linear") and has_printed("asyncio"))
    said("Io linear task | task1 | is allowed for execution")
    said("Io asyncio task | task2 | is allowed for execution")


def example_cancel_all_queued_tasks_by_name():
    add_task(True, "task1", line_task, input_info)
    until(lambda: has_printed("linear"))
    add_task(True, "task1", line_task, input_info)
    for _ in range(2):
        add_task(True, "task2", asyncio_task, input_info)
    until(lambda: head("asyncio").startswith("asyncio queue size: 0, Running tasks count: 2"))

    # While a task waits this version takes it out and puts it back, over and over: one that is out is missed.
    def cancelled():
        io_liner_task.cancel_all_queued_tasks_by_name("task1")
        return any("has been deleted" in line for line in lines)

    until(cancelled)
    io_async_task.cancel_all_queued_tasks_by_name("task2")
    say("linear", head("line"))
    say("asyncio", head("asyncio"))
    said("Io linear task | task1 | is waiting to be executed in the queue, has been deleted")


def example_force_stop_task():
    one = add_task(True, "task1", line_task, input_info)
    two = add_task(True, "task1", asyncio_task, input_info)
    until(lambda: has_printed("linear") and has_printed("asyncio"))
    say("linear stopped", io_liner_task.force_stop_task(one))
    say("asyncio stopped", io_async_task.force_stop_task(two))
    until(lambda: "Running tasks count: 0" in head("line") and "Running tasks count: 0" in head("asyncio"))
    say("none runs", True)


def example_get_task_result():
    one = add_task(True, "sleep", line_task_with_result, input_info)
    two = add_task(True, "sleep", asyncio_task_with_result, input_info)
    for scheduler, task in ((io_liner_task, one), (io_async_task, two)):
        results = []
        until(lambda: results.append(scheduler.get_task_result(task)) or results[-1] is not None)
        say("Task result", results[-1])


def example_get_all_queue_info():
    add_task(True, "task1", line_task, input_info)
    add_task(True, "task1", asyncio_task, input_info)
    until(lambda: has_printed("linear") and has_printed("asyncio"))
    for kind in ("line", "asyncio"):
        text = re.sub(r"ID: [0-9a-f-]{36}", "ID: #", get_all_queue_info(kind, True).strip("\n"))
        text = re.sub(r"Time: [0-9]+\.[0-9]{2} ", "Time: 0.00 ", text)
        for line in text.split("\n"):
            say(kind, line)


def example_get_task_status():
    tasks = [(io_liner_task, add_task(True, "task1", line_task, input_info)),
             (io_async_task, add_task(True, "task1", asyncio_task, input_info))]
    until(lambda: has_printed("linear") and has_printed("asyncio"))
    for scheduler, task in tasks:
        status = scheduler.get_task_status(task)
        say("task_name", status["task_name"])
        say("status", status["status"])
        say("started just now", abs(time.time() - status["start_time"]) < 600)


def example_shutdown():
    # With tasks that run, this version sometimes does not come back from it.
    shutdown(True)
    said("All scheduler has been shut down.")
    task = add_task(True, "sleep", line_task_with_result, input_info)
    until(lambda: io_liner_task.get_task_status(task)["status"] != "pending")
    shutdown(False)
    say("one that ran was waited for", io_liner_task.get_task_status(task)["status"])


def example_interruptible_sleep():
    begin = time.monotonic()
    interruptible_sleep(0.05)
    say("slept as long", time.monotonic() - begin >= 0.05)


def example_update_config():
    say("line_task_max", config["line_task_max"])
    update_config("line_task_max", 18)
    say("line_task_max", config["line_task_max"])


def run(name, example):
    global add_task, shutdown, interruptible_sleep, get_all_queue_info, io_liner_task, io_async_task, config, update_config
    with contextlib.redirect_stdout(sys.stderr):  # it says on stdout that it has its configuration
        from loguru import logger
        from task_scheduling import add_task, get_all_queue_info, interruptible_sleep, shutdown
        from task_scheduling.config import config, update_config
        from task_scheduling.scheduler import io_async_task, io_liner_task

    logger.remove()
    logger.add(lambda message: lines.append(re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "#", message.rstrip("\n"))),
               format="{message}")
    print(name)
    example()
    sys.stdout.flush()
    os._exit(0)


for name, example in list(globals().items()):
    if name.startswith("example_"):
        child = os.fork()
        if child == 0:
            signal.alarm(60)
            run(name[len("example_"):], example)
        if os.waitpid(child, 0)[1] != 0:
            sys.exit(f"{name} failed")
