"""Whether the machine kept its pace: a yardstick between the rounds, the load before, others' processor time."""

import os
import resource
import statistics
import time

import runs

LOAD = 0.5  # of the processors, before the start
OTHERS = 0.10  # of the processors' time, meanwhile
MUTEX = 1.3  # the upper quartile of the yardstick's mutex to its lower one
FUTEX = 2.0  # the same of its wakes


def busy():
    """Seconds that all processors were at work since the start of the machine, stolen ones included."""
    with open("/proc/stat", encoding="ascii") as file:
        fields = [int(field) for field in file.readline().split()[1:9]]
    user, nice, system, _idle, _iowait, irq, softirq, steal = fields
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")


def own():
    total = 0
    for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN):
        usage = resource.getrusage(who)
        total += usage.ru_utime + usage.ru_stime
    return total


class Machine:
    def __init__(self, folder):
        self.folder = folder
        self.processors = os.cpu_count()
        self.load = os.getloadavg()[0]
        self.wakes, self.mutexes = [], []
        self.begin = (time.monotonic(), busy(), own())

    def look(self):
        said = runs.run(self.folder, "futex", ["yardstick"])
        self.wakes.append(said["figure"])
        self.mutexes.append(said["mutex_ns"])

    def others(self):
        """The share of the processors' time that other programs had."""
        elapsed = time.monotonic() - self.begin[0]
        used = busy() - self.begin[1] - (own() - self.begin[2])
        return max(0.0, used / (elapsed * self.processors)) if elapsed > 0 else 0.0

    def verdict(self):
        """Why the machine was too noisy; empty when it was not."""
        reasons = []
        if self.load > LOAD * self.processors:
            reasons.append(f"load average {self.load:.2f} before the start, on {self.processors} processors")
        others = self.others()
        if others > OTHERS:
            reasons.append(f"other programs had {others:.0%} of the processors' time")
        for what, figures, most in (("a bare mutex", self.mutexes, MUTEX), ("a bare futex wake", self.wakes, FUTEX)):
            if len(figures) >= 3:
                low, high = runs.quartiles(figures)
                if low > 0 and high / low > most:
                    reasons.append(f"{what} took {low:.3g} to {high:.3g} (quartiles)")
        return reasons

    def facts(self):
        return {
            "processors": self.processors,
            "model": model(),
            "load_before": round(self.load, 2),
            "others": round(self.others(), 3),
            "mutex_ns": self.mutexes,
            "futex_wake_us": self.wakes,
            "noisy": self.verdict(),
        }

    def words(self):
        text = f"{self.processors} processors ({model()}), load {self.load:.2f} before, others {self.others():.0%}"
        if self.wakes:
            text += f", a bare futex wake {statistics.median(self.wakes):.3g} us"
            text += f", a bare mutex {statistics.median(self.mutexes):.3g} ns"
        return text


def model():
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            for line in file:
                if line.startswith("model name"):
                    return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return "unknown"
