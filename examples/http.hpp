// As much of HTTP/1.1 as a client needs for GET: what it sends, and a parser
// that takes the answer in pieces of any size. Bodies come with a
// Content-Length, in chunks, or end with the connection. What is wrong with an
// answer is thrown as ts::Error.
#ifndef HTTP_HPP
#define HTTP_HPP

#include <task_scheduling.hpp>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace http {

/// Whether the text begins so, in letters of either case.
inline bool begins(std::string_view text, std::string_view with)
{
    const auto same = [](unsigned char left, unsigned char right) { return std::tolower(left) == std::tolower(right); };
    return text.size() >= with.size() && std::equal(with.begin(), with.end(), text.begin(), same);
}

inline bool contains(std::string_view text, std::string_view part)
{
    for (; text.size() >= part.size(); text.remove_prefix(1))
        if (begins(text, part))
            return true;
    return false;
}

/// A number at the beginning of the text, and what follows it.
inline std::optional<std::uint64_t> number(std::string_view text, int base, std::string_view *rest)
{
    text.remove_prefix(std::min(text.find_first_not_of(" \t"), text.size()));
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
    if (error != std::errc())
        return std::nullopt;
    *rest = text.substr(static_cast<std::size_t>(end - text.data()));
    return value;
}

/// A URL in its parts: "http://host:port/path".
struct Url {
    std::string host, port = "80", path;

    static std::optional<Url> parse(std::string_view text)
    {
        if (!begins(text, "http://"))
            return std::nullopt;
        text.remove_prefix(7);
        Url url;
        if (text.substr(0, 1) == "[") { // an address of IPv6
            const std::size_t end = text.find(']');
            if (end == text.npos)
                return std::nullopt;
            url.host = text.substr(1, end - 1);
            text.remove_prefix(end + 1);
        } else {
            url.host = text.substr(0, text.find_first_of(":/?#"));
            text.remove_prefix(url.host.size());
        }
        if (url.host.empty() || url.host.size() > 255)
            return std::nullopt;
        if (text.substr(0, 1) == ":") {
            url.port = text.substr(1, std::min(text.find_first_not_of("0123456789", 1), text.size()) - 1);
            text.remove_prefix(1 + url.port.size());
            if (url.port.empty() || url.port.size() > 7)
                return std::nullopt;
        }
        if (!text.empty() && std::string_view("/?#").find(text[0]) == std::string_view::npos)
            return std::nullopt;
        text = text.substr(0, text.find('#'));
        if (text.size() > 2046 || text.find_first_of(" \t\r\n") != text.npos)
            return std::nullopt;
        url.path = (text.substr(0, 1) == "/" ? "" : "/") + std::string(text);
        return url;
    }

    std::string request() const
    {
        const bool is_six = host.find(':') != host.npos;
        return "GET " + path + " HTTP/1.1\r\nHost: " + (is_six ? "[" + host + "]" : host) + ":" + port +
               "\r\nUser-Agent: fetch\r\nAccept: */*\r\nConnection: close\r\n\r\n";
    }
};

/// An answer, as it comes.
class Answer {
public:
    /// The body's bytes go to that function.
    explicit Answer(std::function<void(std::string_view)> body) : body_(std::move(body)) {}

    bool is_complete() const noexcept { return at_ == At::end; }
    int status() const noexcept { return status_; }

    /// Takes bytes that came.
    void take(std::string_view bytes)
    {
        while (!bytes.empty() && at_ != At::end) {
            if (at_ == At::sized || at_ == At::chunk || at_ == At::until_closed)
                bytes.remove_prefix(take_body(bytes));
            else
                bytes.remove_prefix(take_line(bytes));
        }
    }

    /// The connection was closed.
    void closed()
    {
        if (at_ != At::until_closed && at_ != At::end)
            throw ts::Error("the connection ended before the answer");
        at_ = At::end;
    }

private:
    enum class At { status, header, sized, until_closed, chunk_size, chunk, chunk_end, trailer, end };

    std::size_t take_body(std::string_view bytes)
    {
        const bool is_bounded = at_ != At::until_closed;
        if (is_bounded)
            bytes = bytes.substr(0, static_cast<std::size_t>(std::min<std::uint64_t>(left_, bytes.size())));
        body_(bytes);
        if (is_bounded && (left_ -= bytes.size()) == 0)
            at_ = at_ == At::sized ? At::end : At::chunk_end;
        return bytes.size();
    }

    std::size_t take_line(std::string_view bytes)
    {
        constexpr std::size_t longest = 8191;
        const std::size_t end = bytes.find('\n');
        line_ += bytes.substr(0, end);
        if (line_.size() > longest || line_.find('\0') != line_.npos)
            throw ts::Error("a line of the answer is too long, or no text");
        if (end == bytes.npos)
            return bytes.size();
        if (!line_.empty() && line_.back() == '\r')
            line_.pop_back();
        end_of_line();
        line_.clear();
        return end + 1;
    }

    void end_of_line()
    {
        std::string_view rest;
        std::optional<std::uint64_t> value;
        switch (at_) {
        case At::status:
            value = number(std::string_view(line_).substr(std::min<std::size_t>(8, line_.size())), 10, &rest);
            if (!begins(line_, "HTTP/1.") || !value || *value > 999)
                throw ts::Error("the answer is not HTTP/1.1");
            status_ = static_cast<int>(*value);
            at_ = At::header;
            break;
        case At::header: header(); break;
        case At::chunk_size:
            value = number(line_, 16, &rest);
            if (!value || (!rest.empty() && rest[0] != ';' && rest[0] != ' '))
                throw ts::Error("the size of a chunk is not a number");
            left_ = *value;
            at_ = left_ > 0 ? At::chunk : At::trailer;
            break;
        case At::chunk_end:
            if (!line_.empty())
                throw ts::Error("a chunk is longer than it says");
            at_ = At::chunk_size;
            break;
        default:
            if (line_.empty())
                at_ = At::end;
        }
    }

    void header()
    {
        std::string_view rest;
        if (begins(line_, "content-length:")) {
            const auto value = number(std::string_view(line_).substr(15), 10, &rest);
            if (!value || rest.find_first_not_of(" \t") != rest.npos)
                throw ts::Error("the content's length is not a number");
            is_sized_ = true;
            left_ = *value;
        } else if (begins(line_, "transfer-encoding:")) {
            is_chunked_ = contains(line_, "chunked");
        } else if (line_.empty()) {
            at_ = status_ / 100 == 1                      ? At::status // the real answer follows
                  : status_ == 204 || status_ == 304      ? At::end
                  : is_chunked_                           ? At::chunk_size
                  : is_sized_                             ? (left_ > 0 ? At::sized : At::end)
                                                          : At::until_closed;
        }
    }

    std::function<void(std::string_view)> body_;
    At at_ = At::status;
    int status_ = 0;
    bool is_chunked_ = false, is_sized_ = false;
    std::uint64_t left_ = 0; ///< of the body, or of its chunk
    std::string line_;
};

} // namespace http

#endif
