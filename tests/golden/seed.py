"""Runs the scenario of tests/golden.rs with the Python package, and prints the
queue texts: each after a line with its name. The package's own log goes to
stderr."""
import os
import sys
import threading
import time

from loguru import logger


from task_scheduling import add_task, get_all_queue_info
from task_scheduling.scheduler import io_liner_task

logger.remove()
logger.add(sys.stderr, format="{message}")


def show(name):
    for show_id in (True, False):
        print(f"== {name} {'with' if show_id else 'without'} ids")
        sys.stdout.write(get_all_queue_info("line", show_id))
    print(f"== {name} asyncio")
    sys.stdout.write(get_all_queue_info("asyncio", True))
    sys.stdout.flush()


def until(condition):
    deadline = time.time() + 30
    while not condition():
        if time.time() > deadline:
            sys.exit("the scenario hangs")
        time.sleep(0.01)


def details():
    return list(io_liner_task.task_details.values())


def count(status):
    return sum(task["status"] == status for task in details())


def succeed():
    time.sleep(0.05)
    return "done"


def fail(words):
    raise RuntimeError(words)


door = threading.Event()


def wait():
    door.wait(60)
    return "waited"


show("empty")

add_task(False, "quick", succeed)
until(lambda: count("completed") == 1)
add_task(False, "quick", succeed)
until(lambda: count("completed") == 2)
show("completed")

# A failed task stays "running" in this version: its message is what tells.
for number in range(1, 13):
    add_task(False, f"bad {number}", fail, f"no paper in tray {number}, näher: \"{number}\"")
    until(lambda: len(io_liner_task.error_logs) == min(number, 10)
          and str(number) in io_liner_task.error_logs[-1]["error_message"])
    time.sleep(0.05)
show("failed")

# The first of a name runs. The next ones wait; with them this version spins, so there is one.
add_task(False, "slow", wait)
until(lambda: any(task["task_name"] == "slow" and task["status"] == "running" for task in details()))
add_task(False, "slow", wait)
add_task(False, "lone", wait)
until(lambda: any(task["task_name"] == "lone" and task["status"] == "running" for task in details()))


# The queue's size changes from moment to moment while the scheduler takes the
# waiting task out and puts it back: look until it is in.
def show_settled(name):
    for _ in range(10000):
        if io_liner_task.task_queue.qsize() == 1:
            text = get_all_queue_info("line", True)
            if "line queue size: 1," in text:
                print(f"== {name} with ids")
                sys.stdout.write(text)
                break
        time.sleep(0.001)
    else:
        sys.exit("the waiting task is never in the queue")


show_settled("running")
door.set()
until(lambda: count("completed") == 5)
show("over")
sys.stdout.flush()
os._exit(0)
