// What the tests of the C++ wrapper share: named tests, checks that name their
// line, events to wait for, and values that count how many there are.
//
// Nothing here waits by sleeping. Whatever hangs is ended by an alarm, which
// names the test. The program's arguments are the names of tests to leave out.
#ifndef CHECK_HPP
#define CHECK_HPP

#include <atomic>
#include <condition_variable>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

namespace check {

struct Test {
    const char *name;
    void (*run)();
};

inline std::vector<Test> &tests()
{
    static std::vector<Test> all;
    return all;
}

inline const char *current = "";
inline std::atomic<int> failures{0};

struct Register {
    Register(const char *name, void (*run)()) { tests().push_back({name, run}); }
};

inline void failed(const char *file, int line, const std::string &what)
{
    std::fprintf(stderr, "%s:%d: in %s: %s\n", file, line, current, what.c_str());
    failures++;
}

inline std::string text(const std::string &value) { return "\"" + value + "\""; }
inline std::string text(const char *value) { return text(std::string(value)); }
template <class T>
std::string text(const T &value)
{
    if constexpr (std::is_enum_v<T>)
        return std::to_string(static_cast<long>(value));
    else if constexpr (std::is_arithmetic_v<T>)
        return std::to_string(value);
    else if constexpr (std::is_convertible_v<T, std::string_view>)
        return text(std::string(std::string_view(value)));
    else if constexpr (std::is_convertible_v<T, long>)
        return std::to_string(static_cast<long>(value));
    else
        return "another";
}

template <class Left, class Right>
void equal(const char *file, int line, const char *what, const Left &left, const Right &right)
{
    bool same;
    if constexpr (std::is_convertible_v<Left, std::string_view> && std::is_convertible_v<Right, std::string_view>)
        same = std::string_view(left) == std::string_view(right);
    else
        same = left == right;
    if (!same)
        failed(file, line, std::string(what) + " is " + text(left) + ", not " + text(right));
}

#define TEST(name)                                                                                                     \
    static void name();                                                                                                \
    static const check::Register register_##name(#name, name);                                                         \
    static void name()

#define CHECK(condition)                                                                                               \
    do {                                                                                                               \
        if (!(condition))                                                                                              \
            check::failed(__FILE__, __LINE__, #condition " does not hold");                                            \
    } while (false)

#define EQUAL(left, right) check::equal(__FILE__, __LINE__, #left, (left), (right))

// The Result's error has this code.
#define GIVES(errc, call)                                                                                              \
    do {                                                                                                               \
        const auto &given_ = (call);                                                                                   \
        if (given_)                                                                                                    \
            check::failed(__FILE__, __LINE__, #call " gave no error");                                                 \
        else                                                                                                           \
            EQUAL(given_.error().code(), errc);                                                                        \
    } while (false)

#if defined(__cpp_exceptions)
// The call throws this type, and then the rest holds of `error`.
#define THROWS(type, call, holds)                                                                                      \
    do {                                                                                                               \
        bool thrown_ = false;                                                                                          \
        try {                                                                                                          \
            static_cast<void>(call);                                                                                   \
        } catch (const type &error) {                                                                                  \
            thrown_ = true;                                                                                            \
            static_cast<void>(error);                                                                                  \
            CHECK(holds);                                                                                              \
        }                                                                                                              \
        if (!thrown_)                                                                                                  \
            check::failed(__FILE__, __LINE__, #call " did not throw " #type);                                          \
    } while (false)
#endif

/// Happens once; whoever waits for it goes on.
class Event {
public:
    void set()
    {
        const std::lock_guard<std::mutex> lock(mutex_);
        is_set_ = true;
        news_.notify_all();
    }
    void wait()
    {
        std::unique_lock<std::mutex> lock(mutex_);
        news_.wait(lock, [this] { return is_set_; });
    }

private:
    std::mutex mutex_;
    std::condition_variable news_;
    bool is_set_ = false;
};

/// How many Counted there are, and were.
struct Count {
    std::atomic<int> alive{0};
    std::atomic<int> made{0};
};

/// Counts itself. Move-only, without a default.
class Counted {
public:
    explicit Counted(Count &count, int number = 0) : number(number), count_(&count)
    {
        count.alive++;
        count.made++;
    }
    Counted(Counted &&other) noexcept : number(other.number), count_(other.count_) { count_->alive++; }
    Counted &operator=(Counted &&) = delete;
    ~Counted() { count_->alive--; }

    int number;

private:
    Count *count_;
};

inline void hangs(int)
{
    const char *const words[] = {"a test hangs: ", current, "\n"};
    for (const char *word : words)
        if (write(STDERR_FILENO, word, std::strlen(word)) < 0)
            break;
    _exit(3);
}

inline int run(int argc, char **argv)
{
    std::signal(SIGALRM, hangs);
    for (const Test &test : tests()) {
        bool wanted = true;
        for (int at = 1; at < argc; at++)
            wanted = wanted && std::strcmp(argv[at], test.name) != 0;
        if (!wanted)
            continue;
        current = test.name;
        alarm(120);
        const int before = failures;
        test.run();
        if (failures != before)
            return 1;
        std::printf("%s ok\n", test.name);
        std::fflush(stdout);
    }
    return 0;
}

} // namespace check

#define CHECK_ALL                                                                                                      \
    int main(int argc, char **argv) { return check::run(argc, argv); }

#endif
