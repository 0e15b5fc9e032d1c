// Fingerprints of bytes, to tell apart what was not changed on purpose: XXH3 with 128 bits
// (github.com/Cyan4973/xxHash). Not for secrets.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace matlora {

using Hash = std::array<uint64_t, 2>;

Hash hash_bytes(std::span<const std::byte> bytes);

/// 32 hexadecimal digits.
std::string hash_text(const Hash& hash);

}  // namespace matlora
