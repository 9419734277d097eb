/*
 * The checksum of POSIX cksum: a CRC of polynomial 0x04C11DB7, high bit first,
 * over the bytes and then over their number. Eight bytes at a time.
 *
 *     cksum_init();                      once, before any thread
 *     crc = 0;
 *     crc = cksum_update(crc, buffer, n);     for each piece
 *     crc = cksum_finish(crc, total);
 */
#ifndef CKSUM_H
#define CKSUM_H

#include <stddef.h>
#include <stdint.h>

static uint32_t cksum_table[8][256];

static void cksum_init(void)
{
    for (uint32_t byte = 0; byte < 256; byte++) {
        uint32_t crc = byte << 24;
        for (int bit = 0; bit < 8; bit++)
            crc = (crc << 1) ^ (crc & 0x80000000U ? 0x04C11DB7U : 0);
        cksum_table[0][byte] = crc;
    }
    /* Row k: the same byte with k zero bytes behind it. */
    for (int k = 1; k < 8; k++)
        for (int byte = 0; byte < 256; byte++) {
            uint32_t crc = cksum_table[k - 1][byte];
            cksum_table[k][byte] = (crc << 8) ^ cksum_table[0][crc >> 24];
        }
}

static uint32_t cksum_update(uint32_t crc, const void *data, size_t size)
{
    const uint8_t *p = data;
    for (; size >= 8; size -= 8, p += 8)
        crc = cksum_table[7][p[0] ^ (crc >> 24)] ^
              cksum_table[6][p[1] ^ (crc >> 16 & 0xFF)] ^
              cksum_table[5][p[2] ^ (crc >> 8 & 0xFF)] ^
              cksum_table[4][p[3] ^ (crc & 0xFF)] ^
              cksum_table[3][p[4]] ^ cksum_table[2][p[5]] ^
              cksum_table[1][p[6]] ^ cksum_table[0][p[7]];
    for (; size > 0; size--, p++)
        crc = (crc << 8) ^ cksum_table[0][*p ^ (crc >> 24)];
    return crc;
}

static uint32_t cksum_finish(uint32_t crc, uint64_t total)
{
    for (; total > 0; total >>= 8)
        crc = (crc << 8) ^ cksum_table[0][(total & 0xFF) ^ (crc >> 24)];
    return ~crc;
}

#endif
