/* SPDX-License-Identifier: BSD-3-Clause */
#include "sha2.h"

#include <mem.h>

/*
 * FIPS 180-4, 4.2 and 5.3: the first 64 bits of the fractional parts of the cube
 * (round constants) and square roots (initial hash) of the first primes. The 32-bit
 * constants of SHA-256 are the upper halves of the same numbers.
 */
static const uint64_t round_constants[80] = {
	0x428a2f98d728ae22u, 0x7137449123ef65cdu, 0xb5c0fbcfec4d3b2fu,
	0xe9b5dba58189dbbcu, 0x3956c25bf348b538u, 0x59f111f1b605d019u,
	0x923f82a4af194f9bu, 0xab1c5ed5da6d8118u, 0xd807aa98a3030242u,
	0x12835b0145706fbeu, 0x243185be4ee4b28cu, 0x550c7dc3d5ffb4e2u,
	0x72be5d74f27b896fu, 0x80deb1fe3b1696b1u, 0x9bdc06a725c71235u,
	0xc19bf174cf692694u, 0xe49b69c19ef14ad2u, 0xefbe4786384f25e3u,
	0x0fc19dc68b8cd5b5u, 0x240ca1cc77ac9c65u, 0x2de92c6f592b0275u,
	0x4a7484aa6ea6e483u, 0x5cb0a9dcbd41fbd4u, 0x76f988da831153b5u,
	0x983e5152ee66dfabu, 0xa831c66d2db43210u, 0xb00327c898fb213fu,
	0xbf597fc7beef0ee4u, 0xc6e00bf33da88fc2u, 0xd5a79147930aa725u,
	0x06ca6351e003826fu, 0x142929670a0e6e70u, 0x27b70a8546d22ffcu,
	0x2e1b21385c26c926u, 0x4d2c6dfc5ac42aedu, 0x53380d139d95b3dfu,
	0x650a73548baf63deu, 0x766a0abb3c77b2a8u, 0x81c2c92e47edaee6u,
	0x92722c851482353bu, 0xa2bfe8a14cf10364u, 0xa81a664bbc423001u,
	0xc24b8b70d0f89791u, 0xc76c51a30654be30u, 0xd192e819d6ef5218u,
	0xd69906245565a910u, 0xf40e35855771202au, 0x106aa07032bbd1b8u,
	0x19a4c116b8d2d0c8u, 0x1e376c085141ab53u, 0x2748774cdf8eeb99u,
	0x34b0bcb5e19b48a8u, 0x391c0cb3c5c95a63u, 0x4ed8aa4ae3418acbu,
	0x5b9cca4f7763e373u, 0x682e6ff3d6b2b8a3u, 0x748f82ee5defb2fcu,
	0x78a5636f43172f60u, 0x84c87814a1f0ab72u, 0x8cc702081a6439ecu,
	0x90befffa23631e28u, 0xa4506cebde82bde9u, 0xbef9a3f7b2c67915u,
	0xc67178f2e372532bu, 0xca273eceea26619cu, 0xd186b8c721c0c207u,
	0xeada7dd6cde0eb1eu, 0xf57d4f7fee6ed178u, 0x06f067aa72176fbau,
	0x0a637dc5a2c898a6u, 0x113f9804bef90daeu, 0x1b710b35131c471bu,
	0x28db77f523047d84u, 0x32caab7b40c72493u, 0x3c9ebe0a15c9bebcu,
	0x431d67c49c100d4cu, 0x4cc5d4becb3e42b6u, 0x597f299cfc657e2au,
	0x5fcb6fab3ad6faecu, 0x6c44198c4a475817u,
};

static const uint64_t initial_hash[8] = {
	0x6a09e667f3bcc908u, 0xbb67ae8584caa73bu, 0x3c6ef372fe94f82bu,
	0xa54ff53a5f1d36f1u, 0x510e527fade682d1u, 0x9b05688c2b3e6c1fu,
	0x1f83d9abfb41bd6bu, 0x5be0cd19137e2179u,
};

static uint32_t ror32(uint32_t x, unsigned int n)
{
	return (x >> n) | (x << (32 - n));
}

static uint64_t ror64(uint64_t x, unsigned int n)
{
	return (x >> n) | (x << (64 - n));
}

/* One block: message schedule (6.x.2 step 1) and rounds (step 3), for both word sizes. */
#define COMPRESS(word, ror, rounds, constant, S0, S1, s0, s1)                            \
	do {                                                                             \
		word w[rounds];                                                          \
		word v[8];                                                               \
		for (unsigned int t = 0; t < 16; t++) {                                  \
			w[t] = 0;                                                        \
			for (unsigned int n = 0; n < sizeof(word); n++)                  \
				w[t] = (word)(w[t] << 8) | block[t * sizeof(word) + n];  \
		}                                                                        \
		for (unsigned int t = 16; t < (rounds); t++)                             \
			w[t] = s1(ror, w[t - 2]) + w[t - 7] + s0(ror, w[t - 15]) + w[t - 16]; \
		for (unsigned int n = 0; n < 8; n++)                                     \
			v[n] = (word)h[n];                                               \
		for (unsigned int t = 0; t < (rounds); t++) {                            \
			word choice = (v[4] & v[5]) ^ (~v[4] & v[6]);                    \
			word majority = (v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]);   \
			word t1 = v[7] + S1(ror, v[4]) + choice + constant(t) + w[t];    \
			word t2 = S0(ror, v[0]) + majority;                              \
			v[7] = v[6];                                                     \
			v[6] = v[5];                                                     \
			v[5] = v[4];                                                     \
			v[4] = v[3] + t1;                                                \
			v[3] = v[2];                                                     \
			v[2] = v[1];                                                     \
			v[1] = v[0];                                                     \
			v[0] = t1 + t2;                                                  \
		}                                                                        \
		for (unsigned int n = 0; n < 8; n++)                                     \
			h[n] = (word)(h[n] + v[n]);                                      \
	} while (0)

/* FIPS 180-4, 4.1.2 */
#define CONSTANT_256(t) ((uint32_t)(round_constants[t] >> 32))
#define BIG0_256(ror, x) (ror(x, 2) ^ ror(x, 13) ^ ror(x, 22))
#define BIG1_256(ror, x) (ror(x, 6) ^ ror(x, 11) ^ ror(x, 25))
#define SMALL0_256(ror, x) (ror(x, 7) ^ ror(x, 18) ^ ((x) >> 3))
#define SMALL1_256(ror, x) (ror(x, 17) ^ ror(x, 19) ^ ((x) >> 10))

/* FIPS 180-4, 4.1.3 */
#define CONSTANT_512(t) (round_constants[t])
#define BIG0_512(ror, x) (ror(x, 28) ^ ror(x, 34) ^ ror(x, 39))
#define BIG1_512(ror, x) (ror(x, 14) ^ ror(x, 18) ^ ror(x, 41))
#define SMALL0_512(ror, x) (ror(x, 1) ^ ror(x, 8) ^ ((x) >> 7))
#define SMALL1_512(ror, x) (ror(x, 19) ^ ror(x, 61) ^ ((x) >> 6))

static void compress_256(uint64_t h[8], const uint8_t *block)
{
	COMPRESS(uint32_t, ror32, 64, CONSTANT_256, BIG0_256, BIG1_256, SMALL0_256, SMALL1_256);
}

static void compress_512(uint64_t h[8], const uint8_t *block)
{
	COMPRESS(uint64_t, ror64, 80, CONSTANT_512, BIG0_512, BIG1_512, SMALL0_512, SMALL1_512);
}

static size_t block_size(const struct sha2 *s)
{
	return s->kind == SHA2_256 ? 64 : 128;
}

static void compress(struct sha2 *s, const uint8_t *block)
{
	if (s->kind == SHA2_256)
		compress_256(s->h, block);
	else
		compress_512(s->h, block);
}

void sha2_start(struct sha2 *s, enum sha2_kind kind)
{
	s->kind = kind;
	s->length = 0;
	for (unsigned int n = 0; n < 8; n++)
		s->h[n] = kind == SHA2_256 ? initial_hash[n] >> 32 : initial_hash[n];
}

void sha2_update(struct sha2 *s, const void *data, size_t size)
{
	const uint8_t *p = data;
	size_t whole = block_size(s);
	size_t used = s->length % whole;

	s->length += size;
	while (size > 0) {
		size_t part = whole - used < size ? whole - used : size;

		if (part == whole) {
			compress(s, p);
		} else {
			memcpy(s->block + used, p, part);
			if (used + part == whole)
				compress(s, s->block);
		}
		used = (used + part) % whole;
		p += part;
		size -= part;
	}
}

static void put_big_endian(uint8_t *p, uint64_t value, size_t size_bytes)
{
	while (size_bytes > 0) {
		p[--size_bytes] = (uint8_t)value;
		value >>= 8;
	}
}

size_t sha2_finish(struct sha2 *s, uint8_t hash[SHA2_MAX_SIZE])
{
	/* The length field is 64 or 128 bits; its upper part is zero here. */
	size_t whole = block_size(s);
	size_t length_field = whole / 8;
	size_t used = s->length % whole;
	size_t word_size = whole / 16;

	s->block[used++] = 0x80;
	if (used > whole - length_field) {
		memset(s->block + used, 0, whole - used);
		compress(s, s->block);
		used = 0;
	}
	memset(s->block + used, 0, whole - used);
	put_big_endian(s->block + whole - 8, s->length * 8, 8);
	compress(s, s->block);
	for (unsigned int n = 0; n < 8; n++)
		put_big_endian(hash + n * word_size, s->h[n], word_size);
	return 8 * word_size;
}
