// Result: a value, or the error in its place.
#ifndef TASK_SCHEDULING_RESULT_HPP
#define TASK_SCHEDULING_RESULT_HPP

#include "error.hpp"

#include <memory>
#include <optional>
#include <variant>

namespace ts {
inline namespace TASK_SCHEDULING_ABI {

/// What a function gives that does not throw: a T, or an Error. T may be a
/// reference. It converts to true when it has the value.
///
///     ts::Result<ts::Task<int>> added = scheduler.try_add("sum", [] { return 1 + 1; });
///     if (!added)
///         std::fputs(added.error().what(), stderr);
template <class T>
class [[nodiscard]] Result {
    using Stored = std::conditional_t<std::is_reference_v<T>, std::add_pointer_t<T>, T>;

public:
    using value_type = T;

    template <class U = T, std::enable_if_t<std::is_constructible_v<T, U &&> && !std::is_convertible_v<U &&, const Error &> &&
                                                !std::is_same_v<std::decay_t<U>, Result>,
                                            int> = 0>
    Result(U &&value) : content_(std::in_place_index<0>, store(std::forward<U>(value)))
    {
    }
    Result(Error error) : content_(std::in_place_index<1>, std::move(error)) {}

    bool has_value() const noexcept { return content_.index() == 0; }
    explicit operator bool() const noexcept { return has_value(); }

    /// The value. Throws the error if there is none; without exceptions it
    /// then ends the process.
    std::add_lvalue_reference_t<T> value() &
    {
        need_value();
        return **this;
    }
    std::add_lvalue_reference_t<const T> value() const &
    {
        need_value();
        return **this;
    }
    T value() &&
    {
        need_value();
        return *std::move(*this);
    }

    /// The value, which must be there.
    std::add_lvalue_reference_t<T> operator*() & noexcept { return load(*std::get_if<0>(&content_)); }
    std::add_lvalue_reference_t<const T> operator*() const & noexcept { return load(*std::get_if<0>(&content_)); }
    T &&operator*() && noexcept { return static_cast<T &&>(load(*std::get_if<0>(&content_))); }
    auto *operator->() noexcept { return std::addressof(**this); }
    const auto *operator->() const noexcept { return std::addressof(**this); }

    template <class U>
    T value_or(U &&otherwise) const &
    {
        return has_value() ? **this : static_cast<T>(std::forward<U>(otherwise));
    }
    template <class U>
    T value_or(U &&otherwise) &&
    {
        return has_value() ? *std::move(*this) : static_cast<T>(std::forward<U>(otherwise));
    }

    /// The error, which must be there.
    const Error &error() const noexcept { return *std::get_if<1>(&content_); }

private:
    template <class U>
    static Stored store(U &&value)
    {
        if constexpr (std::is_reference_v<T>)
            return std::addressof(value);
        else
            return Stored(std::forward<U>(value));
    }
    template <class Content>
    static auto &load(Content &content) noexcept
    {
        if constexpr (std::is_reference_v<T>)
            return *content;
        else
            return content;
    }
    void need_value() const
    {
        if (!has_value())
            detail::raise(error());
    }

    std::variant<Stored, Error> content_;
};

/// That it went well, or an Error.
template <>
class [[nodiscard]] Result<void> {
public:
    using value_type = void;

    Result() noexcept = default;
    Result(Error error) : error_(std::move(error)) {}

    bool has_value() const noexcept { return !error_; }
    explicit operator bool() const noexcept { return has_value(); }

    /// Throws the error if there is one; without exceptions it then ends the
    /// process.
    void value() const
    {
        if (error_)
            detail::raise(*error_);
    }

    /// The error, which must be there.
    const Error &error() const noexcept { return *error_; }

private:
    std::optional<Error> error_;
};

namespace detail {

/// What a task gives whose code returns a T: of a Result what is in it. An Error
/// alone is a Result without a value.
template <class T, class = void>
struct Unwrapped {
    using type = T;
    static constexpr bool is_result = false;
};
template <class T>
struct Unwrapped<ts::Result<T>, void> {
    using type = T;
    using Result = ts::Result<T>;
    static constexpr bool is_result = true;
};
template <class T>
struct Unwrapped<T, std::enable_if_t<std::is_base_of_v<Error, T>>> : Unwrapped<ts::Result<void>> {};

/// The result of a call that gives nothing but its error.
inline Result<void> done(ts_error error)
{
    if (error != TS_OK)
        return last_error(error);
    return {};
}

} // namespace detail
} // namespace TASK_SCHEDULING_ABI
} // namespace ts

#endif
