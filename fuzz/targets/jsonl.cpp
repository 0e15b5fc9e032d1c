#include "matlora/format/jsonl.h"

#include "fuzz/mutate.h"

namespace matlora::fuzz {
namespace {

void read(std::string_view input) { format::read_jsonl(as_file(input, "x.jsonl")); }

}  // namespace

const Target target{"jsonl", read, mutate_json_lines};

}  // namespace matlora::fuzz
