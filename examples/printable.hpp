// File names and URLs are any bytes; the names of tasks and the messages of
// errors are UTF-8. printable() copies what is valid UTF-8 and writes every
// other byte, and every control character, as \xNN. It stops where the room
// ends.
#ifndef PRINTABLE_HPP
#define PRINTABLE_HPP

#include <cstddef>
#include <cstdio>
#include <string>
#include <string_view>

/// The length of the valid UTF-8 sequence at the beginning of the text, or 0.
inline std::size_t utf8_length(std::string_view text)
{
    const auto byte = [text](std::size_t at) { return at < text.size() ? static_cast<unsigned char>(text[at]) : 0U; };
    const unsigned first = byte(0);
    const std::size_t length = first < 0x80 ? 1 : first < 0xC2 ? 0 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : first < 0xF5 ? 4 : 0;
    for (std::size_t at = 1; at < length; at++)
        if ((byte(at) & 0xC0) != 0x80)
            return 0;
    const bool is_wrong = (first == 0xE0 && byte(1) < 0xA0) || (first == 0xED && byte(1) > 0x9F) ||
                          (first == 0xF0 && byte(1) < 0x90) || (first == 0xF4 && byte(1) > 0x8F);
    return is_wrong ? 0 : length; // overlong, a surrogate, or past U+10FFFF
}

/// At most `most` bytes.
inline std::string printable(std::string_view raw, std::size_t most)
{
    std::string out;
    while (!raw.empty()) {
        std::size_t read = utf8_length(raw);
        std::string piece(raw.substr(0, read));
        const auto byte = static_cast<unsigned char>(raw[0]);
        if (read == 0 || byte < 0x20 || byte == 0x7F) {
            char escape[5];
            std::snprintf(escape, sizeof escape, "\\x%02X", byte);
            piece = escape;
            read = 1;
        }
        if (out.size() + piece.size() > most)
            break;
        out += piece;
        raw.remove_prefix(read);
    }
    return out;
}

#endif
