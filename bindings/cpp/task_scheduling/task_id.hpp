// TaskId: which task.
#ifndef TASK_SCHEDULING_TASK_ID_HPP
#define TASK_SCHEDULING_TASK_ID_HPP

#include "result.hpp"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <iosfwd>
#include <string>
#include <string_view>

namespace ts {
inline namespace TASK_SCHEDULING_ABI {

namespace detail {
struct Access;
}

/// The id of a task: a UUID. It is never used again, so an old one gives an
/// error, never another task. One that was made empty is no task's.
class TaskId {
public:
    constexpr TaskId() noexcept : raw_{} {}

    /// Reads an id from its 36 characters, in lower or upper case.
    ///
    /// Errors: invalid_argument.
    static Result<TaskId> try_parse(std::string_view text)
    {
        TaskId id;
        const std::string copy(text);
        if (copy.size() != std::strlen(copy.c_str()))
            return Error(Errc::invalid_argument, "the text of a task id has a NUL in it");
        const ts_error error = ts_task_id_parse(copy.c_str(), &id.raw_);
        if (error != TS_OK)
            return detail::last_error(error);
        return id;
    }

    /// Such as "cf478b6e-5e02-89b8-9031-4adc6ff915c2".
    std::string to_string() const
    {
        char text[37];
        ts_task_id_format(raw_, text);
        return text;
    }

    /// Whether it is some task's.
    explicit operator bool() const noexcept { return *this != TaskId(); }

    friend bool operator==(const TaskId &left, const TaskId &right) noexcept { return left.compare(right) == 0; }
    friend bool operator!=(const TaskId &left, const TaskId &right) noexcept { return left.compare(right) != 0; }
    friend bool operator<(const TaskId &left, const TaskId &right) noexcept { return left.compare(right) < 0; }
    friend bool operator>(const TaskId &left, const TaskId &right) noexcept { return left.compare(right) > 0; }
    friend bool operator<=(const TaskId &left, const TaskId &right) noexcept { return left.compare(right) <= 0; }
    friend bool operator>=(const TaskId &left, const TaskId &right) noexcept { return left.compare(right) >= 0; }

    template <class Char, class Traits>
    friend std::basic_ostream<Char, Traits> &operator<<(std::basic_ostream<Char, Traits> &out, const TaskId &id)
    {
        return out << id.to_string().c_str();
    }

#if TASK_SCHEDULING_EXCEPTIONS
    /// As try_parse; throws Error.
    static TaskId parse(std::string_view text) { return try_parse(text).value(); }
#endif

private:
    friend struct detail::Access;
    friend struct std::hash<TaskId>;

    int compare(const TaskId &other) const noexcept
    {
        return std::memcmp(raw_.bytes, other.raw_.bytes, sizeof raw_.bytes);
    }

    ts_task_id raw_;
};

inline std::string to_string(const TaskId &id) { return id.to_string(); }

} // namespace TASK_SCHEDULING_ABI
} // namespace ts

template <>
struct std::hash<ts::TaskId> {
    std::size_t operator()(const ts::TaskId &id) const noexcept
    {
        // Each part alone is like that of another task's id; together they are not.
        std::size_t parts[sizeof(ts::TaskId) / sizeof(std::size_t)];
        std::memcpy(parts, id.raw_.bytes, sizeof parts);
        std::size_t mixed = 0;
        for (const std::size_t part : parts)
            mixed = mixed * std::size_t{0x9E3779B1U} + part;
        return mixed;
    }
};

#endif
