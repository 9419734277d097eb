/*
 * treesum: a checksum of every regular file below a directory. The same program
 * as treesum.c, in C++.
 *
 *     cargo build --release
 *     c++ -std=c++20 -O2 -Iinclude -Ibindings/cpp examples/treesum.cpp -o treesum \
 *         target/release/libtask_scheduling.a -lpthread -ldl -lm
 *     ./treesum /usr/share
 *
 * Each top-level directory is a queue and each file a task: the files of one
 * directory are read one after the other, directories side by side.
 *
 * The feeder thread finds the files and posts them; wait_for_room holds it back
 * while as many tasks wait as the scheduler allows. The main thread shows the
 * progress and takes the signals. When one comes, a forced shutdown() stops the
 * running tasks, cancels the waiting ones and lets the feeder go.
 */
#include <task_scheduling.hpp>

#include "cksum.hpp"
#include "printable.hpp"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <iostream>
#include <mutex>
#include <pthread.h>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>

namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

[[noreturn]] void die(const std::string &what, const std::string &words)
{
    std::cerr << "treesum: " << what << ": " << words << '\n';
    std::exit(2);
}

std::string words_of(int error) { return std::generic_category().message(error); }

struct Options {
    std::string root = "/usr/share";
    bool list = false;
    std::optional<ts::Duration> timeout;
};

/// A file: as found, and once it was summed.
struct File {
    std::string path;
    std::uint64_t size = 0;
    std::uint32_t crc = 0;
    std::string failure; ///< why it failed; else empty
};

/// The files of a top-level directory that are still to be added.
struct Queue {
    explicit Queue(std::string name) : name(std::move(name)) {}

    std::string name;
    std::vector<File> files;
    std::size_t added = 0;
    std::atomic<std::size_t> in_flight{0};
    ts::TaskId last;
};

/// What has come of the files, told by the tasks.
class Totals {
public:
    struct Numbers {
        bool all_found = false;
        std::uint64_t files = 0, bytes = 0, files_done = 0, bytes_done = 0, summed = 0, failed = 0;
    };

    void found(std::uint64_t bytes)
    {
        const std::lock_guard lock(mutex_);
        numbers_.files++;
        numbers_.bytes += bytes;
    }
    void all_found()
    {
        const std::lock_guard lock(mutex_);
        numbers_.all_found = true;
    }
    void read(std::size_t bytes)
    {
        const std::lock_guard lock(mutex_);
        numbers_.bytes_done += bytes;
    }
    void summed(File &&file, bool is_wanted)
    {
        const std::lock_guard lock(mutex_);
        numbers_.files_done++;
        numbers_.summed++;
        if (is_wanted)
            ended_.push_back(std::move(file));
    }
    void failed(File &&file)
    {
        const std::lock_guard lock(mutex_);
        numbers_.files_done++;
        numbers_.failed++;
        ended_.push_back(std::move(file));
    }
    Numbers numbers() const
    {
        const std::lock_guard lock(mutex_);
        return numbers_;
    }
    /// When no task runs any more: the failed files, and the summed ones if they were wanted.
    std::vector<File> take_ended()
    {
        std::sort(ended_.begin(), ended_.end(), [](const File &a, const File &b) { return a.path < b.path; });
        return std::move(ended_);
    }

private:
    mutable std::mutex mutex_;
    Numbers numbers_;
    std::vector<File> ended_;
};

// ---- The task ---------------------------------------------------------------

class Descriptor {
public:
    explicit Descriptor(const std::string &path)
        : number_(open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC))
    {
        if (number_ < 0)
            throw std::system_error(errno, std::generic_category());
    }
    Descriptor(const Descriptor &) = delete;
    Descriptor &operator=(const Descriptor &) = delete;
    ~Descriptor() { close(number_); }
    int number() const { return number_; }

private:
    int number_;
};

/// Before each read it looks whether it should stop; false when it should.
bool sum(File &file, const ts::Token &token, Totals &totals)
{
    const Descriptor descriptor(file.path);
    struct stat status;
    if (fstat(descriptor.number(), &status) != 0)
        throw std::system_error(errno, std::generic_category());
    if (!S_ISREG(status.st_mode))
        throw std::system_error(ENOENT, std::generic_category()); // something else has taken its place
    Cksum cksum;
    while (!token.stop_requested()) {
        unsigned char buffer[65536];
        const ssize_t size = read(descriptor.number(), buffer, sizeof buffer);
        if (size < 0 && errno != EINTR)
            throw std::system_error(errno, std::generic_category());
        if (size == 0) {
            file.crc = cksum.finish();
            file.size = cksum.total();
            return true;
        }
        if (size > 0) {
            cksum.update(buffer, static_cast<std::size_t>(size));
            totals.read(static_cast<std::size_t>(size));
        }
    }
    return false;
}

/// A task of a file. It counts as in flight while this lives.
class SumFile {
public:
    SumFile(File file, Queue &queue, Totals &totals, const Options &options, const std::atomic<bool> &stop)
        : file_(std::move(file)), queue_(&queue), totals_(&totals), options_(&options), stop_(&stop)
    {
        queue.in_flight++;
    }
    SumFile(SumFile &&other) noexcept
        : file_(std::move(other.file_)), queue_(std::exchange(other.queue_, nullptr)), totals_(other.totals_),
          options_(other.options_), stop_(other.stop_)
    {
    }
    SumFile &operator=(SumFile &&) = delete;
    ~SumFile()
    {
        if (queue_)
            queue_->in_flight--;
    }

    ts::Result<void> operator()(ts::Token token)
    {
        try {
            if (sum(file_, token, *totals_)) {
                totals_->summed(std::move(file_), options_->list);
                return {};
            }
            if (*stop_)
                return ts::Error("stopped"); // by the shutdown: no fault of the file
            file_.failure = "took longer than the time-out";
        } catch (const std::system_error &error) {
            file_.failure = words_of(error.code().value());
        }
        const std::string path = file_.path.substr(file_.path.size() - std::min<std::size_t>(file_.path.size(), 150));
        const ts::Error failure(printable(path, 160) + ": " + file_.failure);
        totals_->failed(std::move(file_));
        return failure;
    }

private:
    File file_;
    Queue *queue_;
    Totals *totals_;
    const Options *options_;
    const std::atomic<bool> *stop_;
};

// ---- The feeder thread --------------------------------------------------------

class Feeder {
public:
    Feeder(const Options &options, Totals &totals, const std::atomic<bool> &stop)
        : options_(options), totals_(totals), stop_(stop)
    {
    }

    void feed()
    {
        find_files();
        for (const auto &queue : queues_)
            std::sort(queue->files.begin(), queue->files.end(), [](const File &a, const File &b) { return a.path < b.path; });
        totals_.all_found();
        active_ = queues_.size();
        for (Queue *queue; !stop_ && (queue = choose());)
            add(*queue);
        // A queue is first in, first out: when its last task has ended, all have. One that ended
        // long ago is not known any more, which is as good.
        for (const auto &queue : queues_)
            static_cast<void>(scheduler_.try_wait(queue->last));
    }

    std::size_t queues() const { return queues_.size(); }

private:
    struct Folder {
        fs::path path;
        std::string top;
    };

    /// Each folder's subfolders are read before its neighbours, and one at a time is open. Links
    /// are not followed.
    void find_files()
    {
        std::vector<Folder> stack{{options_.root, ""}};
        while (!stack.empty() && !stop_) {
            const Folder folder = std::move(stack.back());
            stack.pop_back();
            std::error_code error;
            fs::directory_iterator entries(folder.path, error);
            for (; !error && !stop_ && entries != fs::directory_iterator(); entries.increment(error))
                find(folder, entries->path(), stack);
            if (error)
                found(folder.top, folder.path, 0, error.value());
        }
    }

    void find(const Folder &in, const fs::path &path, std::vector<Folder> &stack)
    {
        struct stat status;
        if (lstat(path.c_str(), &status) != 0)
            found(in.top, path, 0, errno);
        else if (S_ISREG(status.st_mode))
            found(in.top, path, static_cast<std::uint64_t>(status.st_size), 0);
        else if (S_ISDIR(status.st_mode))
            stack.push_back({path, in.top.empty() ? path.filename().native() : in.top});
    }

    void found(const std::string &top, const fs::path &path, std::uint64_t size, int error)
    {
        const std::string name = printable(top.empty() ? "." : top, 255);
        // The files of one top come one after the other.
        if (queues_.empty() || queues_.back()->name != name)
            queues_.push_back(std::make_unique<Queue>(name));
        totals_.found(size);
        File file{path.native(), size, 0, error ? words_of(error) : ""};
        if (error)
            totals_.failed(std::move(file));
        else
            queues_.back()->files.push_back(std::move(file));
    }

    /// The next queue with nothing in flight, or else the one with least: so a slow queue cannot
    /// fill the waiting room and shut the others out. None when there are no more files.
    Queue *choose()
    {
        Queue *best = nullptr;
        std::size_t least = 0;
        for (std::size_t looked = 0; looked < active_ && (!best || least > 0);) {
            auto &queue = queues_[cursor_++ % active_];
            if (queue->added == queue->files.size()) {
                std::swap(queue, queues_[--active_]);
                continue;
            }
            const std::size_t in_flight = queue->in_flight;
            if (!best || in_flight < least) {
                best = queue.get();
                least = in_flight;
            }
            looked++;
        }
        return best;
    }

    void add(Queue &queue)
    {
        File &file = queue.files[queue.added++];
        const std::string path = file.path;
        const auto posted = scheduler_.try_post(queue.name, SumFile(std::move(file), queue, totals_, options_, stop_),
                                                {.timeout = options_.timeout, .wait_for_room = ts::forever});
        if (posted)
            queue.last = *posted;
        else if (posted.error().code() != ts::Errc::shutting_down)
            totals_.failed({path, 0, 0, posted.error().what()});
    }

    const Options &options_;
    Totals &totals_;
    const std::atomic<bool> &stop_;
    ts::Scheduler scheduler_ = ts::default_scheduler();
    std::vector<std::unique_ptr<Queue>> queues_; ///< the first `active_` have files to add
    std::size_t active_ = 0, cursor_ = 0;
};

// ---- The main thread ------------------------------------------------------------

double mib(std::uint64_t bytes) { return static_cast<double>(bytes) / (1 << 20); }

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

/// One line that says how far the job has come: redrawn on a terminal, elsewhere every five seconds.
class Progress {
public:
    void show(const Totals::Numbers &now, double seconds)
    {
        if (!is_terminal_ && seconds - shown_ < 5)
            return;
        shown_ = seconds;
        clear();
        std::size_t queued = 0, stuck = 0;
        for (const ts::Status &task : ts::default_scheduler().tasks(ts::Kind::linear)) {
            queued += task.state == ts::State::pending;
            stuck += task.stuck;
        }
        // Opening a file is taken to cost as much as reading 16 KiB.
        const auto cost = [](std::uint64_t bytes, std::uint64_t files) {
            return static_cast<double>(bytes) + 16384.0 * static_cast<double>(files);
        };
        const double all = cost(now.bytes, now.files), done = cost(now.bytes_done, now.files_done);
        char line[200];
        if (!now.all_found)
            std::snprintf(line, sizeof line, "finding files: %ju", static_cast<std::uintmax_t>(now.files));
        else
            std::snprintf(line, sizeof line, "%ju/%ju files %.0f/%.0f MiB, %.0f/s %.0f MiB/s, %.0f s left, %zu queued",
                          static_cast<std::uintmax_t>(now.files_done), static_cast<std::uintmax_t>(now.files),
                          mib(now.bytes_done), mib(now.bytes), static_cast<double>(now.files_done) / seconds,
                          mib(now.bytes_done) / seconds, done > 0 && all > done ? seconds * (all - done) / done : 0, queued);
        std::cerr << line;
        if (stuck > 0)
            std::cerr << ", " << stuck << " stuck";
        std::cerr << (is_terminal_ ? "" : "\n") << std::flush;
    }
    void clear() const
    {
        if (is_terminal_)
            std::cerr << "\r\033[K";
    }

private:
    bool is_terminal_ = isatty(STDERR_FILENO) != 0;
    double shown_ = 0;
};

/// Runs the job; 0, or the signal that ended it. The threads that start here inherit the blocked
/// signals, so only this one ever takes them.
int run(Feeder &feeder, const Totals &totals, std::atomic<bool> &stop, Clock::time_point started)
{
    ts::Scheduler scheduler = ts::default_scheduler();
    sigset_t signals;
    sigemptyset(&signals);
    for (const int signal : {SIGINT, SIGTERM, SIGUSR1})
        sigaddset(&signals, signal);
    pthread_sigmask(SIG_BLOCK, &signals, nullptr);
    std::thread thread([&feeder, main = pthread_self()] {
        feeder.feed();
        pthread_kill(main, SIGUSR1);
    });
    Progress progress;
    int signal = 0;
    const timespec interval{0, 200 * 1000 * 1000};
    while ((signal = sigtimedwait(&signals, nullptr, &interval)) <= 0)
        progress.show(totals.numbers(), seconds_since(started));
    progress.clear();
    if (signal == SIGUSR1) {
        signal = 0;
    } else {
        stop = true;
        sigdelset(&signals, SIGUSR1);
        pthread_sigmask(SIG_UNBLOCK, &signals, nullptr); // the next one kills
        scheduler.shutdown(true);
    }
    thread.join();
    // Again, for a file that the feeder added just after the first.
    scheduler.shutdown(signal != 0);
    return signal;
}

void print_totals(std::ostream &out, const Totals::Numbers &now, std::size_t queues, double seconds)
{
    char line[200];
    std::snprintf(line, sizeof line, "%ju files in %zu queue%s, %.1f MiB in %.2f s: %.0f files/s, %.1f MiB/s\n",
                  static_cast<std::uintmax_t>(now.summed), queues, queues == 1 ? "" : "s", mib(now.bytes_done), seconds,
                  static_cast<double>(now.summed) / seconds, mib(now.bytes_done) / seconds);
    out << ts::default_scheduler().queue_info(ts::Kind::linear) << '\n' << line;
    if (const std::uint64_t left_out = now.files - now.summed - now.failed; left_out > 0)
        out << "interrupted: " << left_out << " files left out\n";
}

void print_failures(std::ostream &out, const std::vector<File> &ended, std::uint64_t failed)
{
    std::uint64_t left = failed;
    if (failed > 0)
        out << failed << " failed:\n";
    for (const File &file : ended)
        if (!file.failure.empty() && failed - left < 5) {
            out << "  " << printable(file.path, 1023) << ": " << file.failure << '\n';
            left--;
        }
    if (left > 0)
        out << "  and " << left << " more\n";
}

// ---- Options ------------------------------------------------------------------

constexpr char usage[] = "usage: treesum [options] [directory]        (default: /usr/share)\n"
                         "  --list             print checksum, size and path of every file, as cksum does\n"
                         "  --jobs N           read N files at once\n"
                         "  --timeout SECONDS  give up a file after so long\n"
                         "  --config FILE      the scheduler's configuration (YAML)\n"
                         "  --help\n"
                         "Exit status: 0, 1 when a file failed, 2 on wrong use, 128 + signal when interrupted.\n";

Options parse(const std::vector<std::string> &arguments)
{
    Options options;
    ts::Scheduler scheduler = ts::default_scheduler();
    const auto need = [](const ts::Result<void> &done, const std::string &option) {
        if (!done)
            die(option, done.error().what());
    };
    for (std::size_t at = 0; at < arguments.size(); at++) {
        const std::string &option = arguments[at];
        if (option[0] != '-') {
            options.root = option;
        } else if (option == "--list") {
            options.list = true;
        } else if (option == "--help") {
            std::cout << usage;
            std::exit(0);
        } else if (at + 1 == arguments.size()) {
            die(option, "unknown option, or its value is missing (see --help)");
        } else if (option == "--jobs") {
            need(scheduler.try_set_config("line_task_max", arguments[++at]), option);
        } else if (option == "--config") {
            need(scheduler.try_load_config(arguments[++at]), option);
        } else if (option == "--timeout") {
            char *end = nullptr;
            const double value = std::strtod(arguments[++at].c_str(), &end);
            if (!(value > 0 && value < 1e9) || *end != '\0')
                die(option, "must be a number of seconds above 0");
            options.timeout = ts::Duration(value);
        } else {
            die(option, "unknown option (see --help)");
        }
    }
    return options;
}

} // namespace

int main(int argc, char **argv)
{
    const auto started = Clock::now();
    const Options options = parse({argv + 1, argv + argc});
    struct stat status;
    if (stat(options.root.c_str(), &status) != 0)
        die(options.root, words_of(errno));
    if (!S_ISDIR(status.st_mode))
        die(options.root, words_of(ENOTDIR));

    std::atomic<bool> stop{false};
    Totals totals;
    Feeder feeder(options, totals, stop);
    const int signal = run(feeder, totals, stop, started);
    std::ostream &out = options.list ? std::cerr : std::cout; // of --list, stdout is the list alone
    const std::vector<File> ended = totals.take_ended();
    if (options.list)
        for (const File &file : ended)
            if (file.failure.empty())
                std::cout << file.crc << ' ' << file.size << ' ' << file.path << '\n';
    const Totals::Numbers numbers = totals.numbers();
    print_totals(out, numbers, feeder.queues(), seconds_since(started));
    print_failures(out, ended, numbers.failed);
    if (!std::cout.flush())
        die("standard output", "cannot be written");
    return signal != 0 ? 128 + signal : numbers.failed > 0;
}
