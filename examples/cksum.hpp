// The checksum of POSIX cksum: a CRC of polynomial 0x04C11DB7, high bit first,
// over the bytes and then over their number. Eight bytes at a time.
#ifndef CKSUM_HPP
#define CKSUM_HPP

#include <array>
#include <cstddef>
#include <cstdint>

class Cksum {
public:
    void update(const unsigned char *bytes, std::size_t size)
    {
        total_ += size;
        for (; size >= 8; size -= 8, bytes += 8) {
            std::uint32_t next = 0;
            for (std::size_t at = 0; at < 8; at++)
                next ^= table[7 - at][bytes[at] ^ (at < 4 ? crc_ >> (24 - 8 * at) & 0xFF : 0)];
            crc_ = next;
        }
        for (; size > 0; size--, bytes++)
            one(*bytes);
    }

    std::uint32_t finish()
    {
        for (std::uint64_t total = total_; total > 0; total >>= 8)
            one(total & 0xFF);
        return ~crc_;
    }

    std::uint64_t total() const { return total_; }

private:
    using Table = std::array<std::array<std::uint32_t, 256>, 8>;

    static constexpr Table make_table()
    {
        Table made{};
        for (std::uint32_t byte = 0; byte < 256; byte++) {
            std::uint32_t crc = byte << 24;
            for (int bit = 0; bit < 8; bit++)
                crc = (crc << 1) ^ (crc & 0x80000000U ? 0x04C11DB7U : 0);
            made[0][byte] = crc;
        }
        // Row k: the same byte with k zero bytes behind it.
        for (std::size_t k = 1; k < 8; k++)
            for (std::size_t byte = 0; byte < 256; byte++) {
                const std::uint32_t crc = made[k - 1][byte];
                made[k][byte] = (crc << 8) ^ made[0][crc >> 24];
            }
        return made;
    }
    static const Table table;

    void one(std::uint64_t byte) { crc_ = (crc_ << 8) ^ table[0][(byte ^ (crc_ >> 24)) & 0xFF]; }

    std::uint32_t crc_ = 0;
    std::uint64_t total_ = 0;
};

inline constexpr Cksum::Table Cksum::table = Cksum::make_table();

#endif
