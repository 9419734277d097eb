/*
 * fetch: many URLs at once, on one thread. The same program as fetch.c, with
 * coroutines.
 *
 *     cargo build --release
 *     c++ -std=c++20 -O2 -Iinclude -Ibindings/cpp examples/fetch.cpp -o fetch \
 *         target/release/libtask_scheduling.a -lpthread -ldl -lm
 *     ./fetch -o folder http://127.0.0.1:8000/one http://127.0.0.1:8000/two
 *     ./fetch -n 2 -t 10 -f list
 *
 * Each host and port is a queue and each URL an async task: no host is asked
 * for more than -n things at a time, and one that is slow holds up nobody else.
 * A task is a coroutine that awaits its socket. Whoever takes longer than -t
 * seconds is stopped by the scheduler, wherever it is; the task knows nothing
 * of that, and the destructors of its locals close its connection.
 *
 * -f FILE reads URLs from a file, one a line, "-" is standard input; -o FOLDER
 * keeps the bodies there, the first one as "1", the second as "2"; -c N opens
 * at most N connections at once in all (1000). The exit status is 0 when every
 * URL gave a body with status 200, 1 when one did not, 2 for wrong arguments.
 */
#include <task_scheduling_coroutines.hpp>

#include "http.hpp"
#include "printable.hpp"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <fstream>
#include <iostream>
#include <map>
#include <netdb.h>
#include <span>
#include <sys/resource.h>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>

using namespace std::chrono_literals;

namespace {

constexpr rlim_t spare_files = 64;

[[noreturn]] void die(const std::string &what, const std::string &words)
{
    std::cerr << "fetch: " << what << ": " << words << '\n';
    std::exit(2);
}

struct Options {
    std::string folder;
    std::chrono::duration<double> timeout{30};
    long per_host = 6;
    long connections = 1000;
    std::vector<std::string> urls;
};

/// What the tasks count. They share one thread, others only look.
struct Counts {
    std::atomic<std::size_t> done{0}, good{0};
    std::atomic<std::uint64_t> bytes{0};
    std::atomic<long> open{0}, most_open{0};
};

/// A file descriptor of ours.
class Descriptor {
public:
    explicit Descriptor(int number = -1) noexcept : number_(number) {}
    Descriptor(Descriptor &&other) noexcept : number_(std::exchange(other.number_, -1)) {}
    Descriptor &operator=(Descriptor &&other) noexcept
    {
        std::swap(number_, other.number_);
        return *this;
    }
    ~Descriptor()
    {
        if (number_ >= 0)
            close(number_);
    }
    int number() const noexcept { return number_; }
    bool is_open() const noexcept { return number_ >= 0; }

private:
    int number_;
};

/// A count that goes up while it lives.
class Counting {
public:
    explicit Counting(Counts &counts) : counts_(counts)
    {
        const long open = ++counts_.open;
        if (open > counts_.most_open)
            counts_.most_open = open;
    }
    Counting(const Counting &) = delete;
    Counting &operator=(const Counting &) = delete;
    ~Counting() { counts_.open--; }

private:
    Counts &counts_;
};

struct FreeAddresses {
    void operator()(addrinfo *addresses) const noexcept { freeaddrinfo(addresses); }
};

struct Host {
    std::unique_ptr<addrinfo, FreeAddresses> addresses;
    int error = 0; ///< of getaddrinfo
};

struct Fetch {
    std::string text;
    http::Url url;
    std::string queue;
    const Host *host = nullptr;
    ts::Task<> task;
};

[[noreturn]] void fail(const std::string &what, int error) { throw ts::Error(what + ": " + std::strerror(error)); }

/// A connection to one of the addresses, the first that takes it.
ts::Async<Descriptor> connect_to(const Host &host, const std::string &name)
{
    if (!host.addresses)
        throw ts::Error(name + ": " + gai_strerror(host.error));
    int error = 0;
    for (const addrinfo *at = host.addresses.get(); at; at = at->ai_next) {
        Descriptor socket(::socket(at->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
        if (!socket.is_open() ||
            (connect(socket.number(), at->ai_addr, at->ai_addrlen) != 0 && errno != EINPROGRESS)) {
            error = errno;
            continue;
        }
        co_await ts::writable(socket.number());
        socklen_t size = sizeof error;
        if (getsockopt(socket.number(), SOL_SOCKET, SO_ERROR, &error, &size) != 0)
            error = errno;
        if (error == 0)
            co_return socket;
    }
    fail("connect", error);
}

ts::Async<> send_all(int socket, std::string_view text)
{
    while (!text.empty()) {
        const ssize_t sent = send(socket, text.data(), text.size(), MSG_NOSIGNAL);
        if (sent >= 0)
            text.remove_prefix(static_cast<std::size_t>(sent));
        else if (errno == EAGAIN)
            co_await ts::writable(socket);
        else if (errno != EINTR)
            fail("send", errno);
    }
}

/// Some bytes; none when the connection was closed.
ts::Async<std::size_t> receive(int socket, std::span<char> buffer)
{
    for (;;) {
        const ssize_t received = recv(socket, buffer.data(), buffer.size(), 0);
        if (received >= 0)
            co_return static_cast<std::size_t>(received);
        if (errno == EAGAIN)
            co_await ts::readable(socket);
        else if (errno != EINTR)
            fail("receive", errno);
    }
}

void write_all(int file, std::string_view bytes)
{
    while (!bytes.empty()) {
        const ssize_t written = write(file, bytes.data(), bytes.size());
        if (written > 0)
            bytes.remove_prefix(static_cast<std::size_t>(written));
        else if (written == 0 || errno != EINTR)
            throw ts::Error("the body cannot be kept");
    }
}

/// The task.
ts::Async<> fetch(const Fetch &what, Descriptor file, Counts &counts)
{
    struct AtTheEnd {
        Counts &counts;
        ~AtTheEnd() { counts.done++; }
    } const at_the_end{counts};
    const Counting counting(counts);
    const Descriptor socket = co_await connect_to(*what.host, what.url.host);
    const std::string request = what.url.request();
    co_await send_all(socket.number(), request);
    http::Answer answer([&](std::string_view bytes) {
        counts.bytes += bytes.size();
        if (file.is_open())
            write_all(file.number(), bytes);
    });
    static char buffer[1 << 16]; // one loop: nobody else uses it before the next await
    for (int pieces = 1; !answer.is_complete(); pieces++) {
        // From a server that is faster than this there is always more; a task that never waits would
        // hold up all others, and could not be stopped.
        if (pieces % 16 == 0)
            co_await ts::yield();
        const std::size_t size = co_await receive(socket.number(), buffer);
        if (size > 0)
            answer.take({buffer, size});
        else
            answer.closed();
    }
    if (answer.status() != 200)
        throw ts::Error("status: " + std::to_string(answer.status()));
    counts.good++;
}

/// Looks every host up before the tasks start: getaddrinfo blocks.
std::map<std::string, Host> look_up_hosts(std::vector<Fetch> &fetches)
{
    std::map<std::string, Host> hosts;
    for (Fetch &fetch : fetches) {
        fetch.queue = printable(fetch.url.host.substr(0, 200) + ":" + fetch.url.port, 255);
        const auto [host, is_new] = hosts.try_emplace(fetch.queue);
        fetch.host = &host->second;
        if (!is_new)
            continue;
        addrinfo hints{};
        hints.ai_socktype = SOCK_STREAM;
        addrinfo *found = nullptr;
        host->second.error = getaddrinfo(fetch.url.host.c_str(), fetch.url.port.c_str(), &hints, &found);
        if (host->second.error == 0)
            host->second.addresses.reset(found);
    }
    return hosts;
}

/// Room for so many connections and files, or fewer connections.
void make_room(Options &options)
{
    const rlim_t each = options.folder.empty() ? 1 : 2;
    const rlim_t wanted = static_cast<rlim_t>(options.connections) * each + spare_files;
    rlimit limit{};
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= wanted)
        return;
    limit.rlim_cur = std::min(limit.rlim_max, wanted);
    setrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur >= wanted)
        return;
    const rlim_t spare = std::max(limit.rlim_cur, spare_files) - spare_files;
    options.connections = std::max(1L, static_cast<long>(spare / each));
    std::cerr << "fetch: at most " << options.connections << " connections at once: the limit of open files is "
              << limit.rlim_cur << '\n';
}

/// One line that says how far it has come: redrawn on a terminal, elsewhere
/// every five seconds.
class Progress {
public:
    Progress(const Counts &counts, std::size_t all) : counts_(counts), all_(all) {}

    void show(bool is_last = false)
    {
        const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
        if (!is_last && !is_terminal_ && seconds - shown_ < 5)
            return;
        shown_ = seconds;
        const std::size_t done = counts_.done;
        char line[200];
        std::snprintf(line, sizeof line, "%s%zu/%zu done, %zu failed, %ld open, %.1f MiB, %.1f s%s",
                      is_terminal_ ? "\r\033[K" : "", done, all_, done - counts_.good, counts_.open.load(),
                      static_cast<double>(counts_.bytes) / (1 << 20), seconds, is_terminal_ && !is_last ? "" : "\n");
        std::cerr << line << std::flush;
    }

private:
    const Counts &counts_;
    std::size_t all_;
    bool is_terminal_ = isatty(STDERR_FILENO) != 0;
    double shown_ = 0;
    std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

volatile std::sig_atomic_t interrupted = 0;

void interrupt(int) { interrupted = 1; }

void read_list(const std::string &path, std::vector<std::string> &urls)
{
    std::ifstream file;
    if (path != "-") {
        file.open(path);
        if (!file)
            die(path, std::strerror(errno));
    }
    std::istream &list = path == "-" ? std::cin : file;
    for (std::string line; std::getline(list, line);) {
        line.erase(std::min(line.find('\r'), line.size()));
        if (!line.empty())
            urls.push_back(line);
    }
    if (list.bad())
        die(path, "cannot be read");
}

long number(const std::string &text, long most)
{
    long value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size() || value < 1 || value > most)
        die(text, "not a number that is allowed here");
    return value;
}

std::chrono::duration<double> seconds(const std::string &text)
{
    char *end = nullptr;
    const double value = std::strtod(text.c_str(), &end);
    if (*end != '\0' || !(value > 0 && value < 1e6))
        die(text, "not a number of seconds");
    return std::chrono::duration<double>(value);
}

std::optional<Options> parse(int argc, char **argv)
{
    Options options;
    for (int option; (option = getopt(argc, argv, "n:c:t:o:f:")) != -1;) {
        switch (option) {
        case 'n': options.per_host = number(optarg, 100000); break;
        case 'c': options.connections = number(optarg, 1000000); break;
        case 't': options.timeout = seconds(optarg); break;
        case 'o': options.folder = optarg; break;
        case 'f': read_list(optarg, options.urls); break;
        default: return std::nullopt;
        }
    }
    options.urls.insert(options.urls.end(), argv + optind, argv + argc);
    if (options.urls.empty())
        return std::nullopt;
    return options;
}

/// The file for a body, or none.
Descriptor body_file(const Options &options, std::size_t number)
{
    if (options.folder.empty())
        return Descriptor();
    const std::string path = options.folder + "/" + std::to_string(number);
    Descriptor file(open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666));
    if (!file.is_open())
        die(path, std::strerror(errno));
    return file;
}

/// Tells what failed; how many did not.
std::size_t report(std::vector<Fetch> &fetches)
{
    std::size_t good = 0;
    for (Fetch &fetch : fetches) {
        const ts::Result<void> result = fetch.task.try_get();
        if (result) {
            good++;
            continue;
        }
        const ts::Errc code = result.error().code();
        std::cerr << "fetch: " << printable(fetch.text, 199) << ": "
                  << (code == ts::Errc::task_timed_out   ? "timed out"
                      : code == ts::Errc::task_cancelled ? "cancelled"
                                                         : result.error().what())
                  << '\n';
    }
    return good;
}

std::size_t run(Options &options, std::vector<Fetch> &fetches, Counts &counts)
{
    ts::Scheduler scheduler;
    scheduler.set_config("maximum_event_loop_tasks", std::min(options.per_host, options.connections));
    scheduler.set_config("maximum_queue_async", 0);
    scheduler.set_config("maximum_task_info_storage", 0);
    Progress progress(counts, fetches.size());
    for (std::size_t at = 0; at < fetches.size() && !interrupted;) {
        // All hosts together: no more are begun than may be open.
        if (at - counts.done >= static_cast<std::size_t>(options.connections)) {
            std::this_thread::sleep_for(1ms);
            progress.show();
            continue;
        }
        Fetch &next = fetches[at++];
        next.task = scheduler.add_async(next.queue, fetch(next, body_file(options, at), counts), {.timeout = options.timeout});
    }
    const auto pause = fetches.size() < 100 ? 1ms : 100ms;
    while (counts.done < fetches.size() && !interrupted) {
        std::this_thread::sleep_for(pause);
        progress.show();
    }
    scheduler.shutdown(interrupted != 0);
    const std::size_t good = interrupted ? counts.good.load() : report(fetches);
    if (interrupted)
        std::cerr << "\nfetch: interrupted\n";
    progress.show(true);
    return good;
}

} // namespace

int main(int argc, char **argv)
try {
    std::optional<Options> options = parse(argc, argv);
    if (!options) {
        std::cerr << "usage: fetch [-n PER_HOST] [-c CONNECTIONS] [-t SECONDS] [-o FOLDER] [-f FILE] [URL...]\n";
        return 2;
    }
    std::vector<Fetch> fetches;
    for (const std::string &text : options->urls) {
        const std::optional<http::Url> url = http::Url::parse(text);
        if (!url)
            die(text, "not a URL such as http://host:port/path");
        fetches.push_back({text, *url, {}, nullptr, {}});
    }
    const std::map<std::string, Host> hosts = look_up_hosts(fetches);
    make_room(*options);
    std::signal(SIGINT, interrupt);
    std::signal(SIGTERM, interrupt);
    Counts counts;
    const std::size_t good = run(*options, fetches, counts);
    std::cout << good << " of " << fetches.size() << " fetched, " << counts.bytes << " bytes, at most " << counts.most_open
              << " connections at once\n";
    return good == fetches.size() ? 0 : 1;
} catch (const ts::Error &error) {
    die("scheduler", error.what());
}
