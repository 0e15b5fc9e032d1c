// What torch.save writes: a stored zip archive with a pickle and storages.
#include "matlora/format/torch_file.h"

#include <array>

#include "fuzz/mutate.h"

namespace matlora::fuzz {
namespace {

void read(std::string_view input) {
  const auto file = format::TorchFile::open(as_file(input, "x.pt"));
  uint64_t sum = 0;
  for (const format::TensorView& tensor : file.tensors()) {
    for (const std::byte byte : tensor.bytes) sum += std::to_integer<uint64_t>(byte);
  }
  volatile uint64_t used = sum;  // every byte that a view promises is read
  (void)used;
}

/// Bytes of the pickle, which is stored as it is, become other ones: the archive stays whole.
std::string mutate_pickle(std::string_view input, std::string_view, Random& random) {
  // PROTO, MARK, STOP, POP, INTs, strings, GLOBAL, REDUCE, BUILD, tuples, lists, dicts, memos,
  // BINPERSID, LONG1, BINGET.
  static constexpr auto kOps = std::to_array<unsigned char>(
      {0x80, '(', '.', '0', 'K', 'M', 'J', 'X', 0x8c, 'c', 'R',  'b', 't', 0x85, 0x86, 0x87, ')',
       '}',  ']', 'u', 's', 'e', 'a', 'q', 'r', 0x94, 'Q', 0x8a, 'h', 'j', 'N',  0x88, 0x89, 'G'});
  std::string bytes(input);
  const size_t name = bytes.find("data.pkl");
  const size_t end = std::min(bytes.find("PK", name == bytes.npos ? 0 : name), bytes.size());
  if (name == bytes.npos || end <= name + 8) return bytes;
  const size_t count = 1 + below(random, 3);
  for (size_t i = 0; i < count; ++i) {
    const size_t at = name + 8 + below(random, end - name - 8);
    bytes[at] =
        static_cast<char>(one_in(random, 2) ? kOps[below(random, kOps.size())] : random() % 256);
  }
  return bytes;
}

}  // namespace

const Target target{"torch_file", read, mutate_pickle};

}  // namespace matlora::fuzz
