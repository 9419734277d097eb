// Outcome: what a task's code came to, until somebody asks for it.
#ifndef TASK_SCHEDULING_OUTCOME_HPP
#define TASK_SCHEDULING_OUTCOME_HPP

#include "result.hpp"

#include <new>

namespace ts {
inline namespace TASK_SCHEDULING_ABI {
namespace detail {

/// The value of a void.
struct Nothing {};

/// Nothing yet, a value, an exception or an error. A value is made in its
/// place and need not be movable for that, nor have a default. One thread at a
/// time.
template <class T>
class Outcome {
    using Stored = std::conditional_t<std::is_void_v<T>, Nothing,
                                      std::conditional_t<std::is_reference_v<T>, std::add_pointer_t<T>, std::remove_cv_t<T>>>;

public:
    Outcome() noexcept : nothing_() {}
    Outcome(const Outcome &) = delete;
    Outcome &operator=(const Outcome &) = delete;
    ~Outcome() { reset(); }

    /// Whether somebody notices when the value is destroyed.
    static constexpr bool is_noticed = !std::is_trivially_destructible_v<Stored>;

    bool has_value() const noexcept { return holds_ == Holds::value; }
    const std::exception_ptr *exception() const noexcept
    {
        return holds_ == Holds::exception ? &exception_ : nullptr;
    }
    const Error *error() const noexcept { return holds_ == Holds::error ? &error_ : nullptr; }

    /// The value is what the function returns. What that throws goes on. It takes
    /// the place of what there is: a coroutine may return, and then throw.
    template <class Function>
    void set(Function &&function)
    {
        reset();
        if constexpr (std::is_void_v<T>) {
            std::forward<Function>(function)();
            ::new (place()) Stored();
        } else if constexpr (std::is_reference_v<T>) {
            ::new (place()) Stored(std::addressof(std::forward<Function>(function)()));
        } else {
            ::new (place()) Stored(std::forward<Function>(function)());
        }
        holds_ = Holds::value;
    }

    void set(std::exception_ptr exception) noexcept
    {
        reset();
        ::new (place()) std::exception_ptr(std::move(exception));
        holds_ = Holds::exception;
    }

    void set(const Error &error) noexcept
    {
        reset();
        ::new (place()) Error(error);
        holds_ = Holds::error;
    }

    /// The value, which must be there.
    T take()
    {
        if constexpr (std::is_reference_v<T>)
            return static_cast<T>(*value_);
        else if constexpr (!std::is_void_v<T>)
            return std::move(value_);
    }

    /// Destroys what there is.
    void reset() noexcept
    {
        const Holds held = std::exchange(holds_, Holds::nothing);
        if (held == Holds::value)
            quietly([this] { value_.~Stored(); });
        else if (held == Holds::exception)
            std::destroy_at(std::addressof(exception_));
        else if (held == Holds::error)
            std::destroy_at(std::addressof(error_));
    }

private:
    enum class Holds : unsigned char { nothing, value, exception, error };

    void *place() noexcept { return std::addressof(nothing_); }

    union {
        Nothing nothing_;
        Stored value_;
        std::exception_ptr exception_;
        Error error_;
    };
    Holds holds_ = Holds::nothing;
};

} // namespace detail
} // namespace TASK_SCHEDULING_ABI
} // namespace ts

#endif
