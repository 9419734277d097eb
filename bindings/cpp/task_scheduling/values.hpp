// Texts and lists that the C face gives, as std::string and std::vector; and
// the values of the configuration.
#ifndef TASK_SCHEDULING_VALUES_HPP
#define TASK_SCHEDULING_VALUES_HPP

#include "options.hpp"
#include "status.hpp"

#include <vector>

namespace ts {
inline namespace TASK_SCHEDULING_ABI {
namespace detail {

struct FreeString {
    void operator()(char *text) const noexcept { ts_string_free(text); }
};
using OwnedText = std::unique_ptr<char, FreeString>;

inline Result<std::string> queue_info(ts_scheduler *scheduler, Kind kind, bool show_ids)
{
    char *text = nullptr;
    const ts_error error = ts_get_all_queue_info(scheduler, raw(kind), show_ids, &text);
    if (error != TS_OK)
        return last_error(error);
    return std::string(OwnedText(text).get());
}

inline Result<std::vector<Status>> tasks(ts_scheduler *scheduler, Kind kind)
{
    std::vector<ts_task_status> raws;
    std::size_t count = 0;
    // Tasks may be added between the counting and the listing: with some room
    // over, and again if that was not enough.
    do {
        raws.resize(count + 16);
        raws[0].size = sizeof raws[0];
        const ts_error error = ts_list_tasks(scheduler, raw(kind), raws.data(), raws.size(), &count);
        if (error != TS_OK)
            return last_error(error);
    } while (count > raws.size());
    std::vector<Status> all;
    all.reserve(count);
    for (std::size_t at = 0; at < count; at++)
        all.push_back(status(raws[at]));
    return all;
}

inline Result<std::optional<Remains>> shutdown_within(ts_scheduler *scheduler, bool force, Duration time)
{
    std::vector<ts_task_status> raws(Remains::most);
    raws[0].size = sizeof raws[0];
    ts_shutdown_report report{};
    report.size = sizeof report;
    report.tasks = raws.data();
    report.capacity = raws.size();
    const ts_error error = ts_shutdown_within(scheduler, force, patience(time), &report);
    if (error == TS_OK)
        return std::optional<Remains>();
    if (error != TS_ERROR_TIMED_OUT)
        return last_error(error);
    Remains remains;
    remains.running = report.running;
    remains.claims = report.claims;
    remains.threads = report.threads;
    for (std::size_t at = 0; at < report.running && at < raws.size(); at++)
        remains.tasks.push_back(status(raws[at]));
    return std::optional<Remains>(std::move(remains));
}

inline Result<std::optional<std::string>> config(ts_scheduler *scheduler, std::string_view key)
{
    const Result<std::string> name = terminated(key, "the key");
    if (!name)
        return name.error();
    char *text = nullptr;
    const ts_error error = ts_get_config(scheduler, name->c_str(), &text);
    if (error == TS_ERROR_CONFIG)
        return std::optional<std::string>();
    if (error != TS_OK)
        return last_error(error);
    return std::optional<std::string>(OwnedText(text).get());
}

inline Result<void> set_config(ts_scheduler *scheduler, std::string_view key, const std::string &value)
{
    const Result<std::string> name = terminated(key, "the key");
    if (!name)
        return name.error();
    const Result<std::string> text = terminated(value, "the value");
    if (!text)
        return text.error();
    return done(ts_update_config(scheduler, name->c_str(), text->c_str()));
}

/// A value as it is written in YAML.
template <class Value>
std::string config_text(const Value &value)
{
    if constexpr (std::is_integral_v<Value>) {
        return std::to_string(value);
    } else if constexpr (std::is_floating_point_v<Value>) {
        char local[40];
        std::snprintf(local, sizeof local, "%.17g", static_cast<double>(value));
        // The program's locale may have another decimal point, of several bytes.
        std::string text;
        for (const char *at = local; *at != '\0'; at++) {
            if (std::strchr("0123456789+-.einfa", *at))
                text += *at;
            else if (text.find('.') == text.npos)
                text += '.';
        }
        return text;
    } else {
        return std::string(std::string_view(value));
    }
}
template <class Number, class Period>
std::string config_text(const std::chrono::duration<Number, Period> &value)
{
    return config_text(Duration(value).count());
}

} // namespace detail
} // namespace TASK_SCHEDULING_ABI
} // namespace ts

#endif
