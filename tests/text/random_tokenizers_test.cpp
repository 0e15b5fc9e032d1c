// Against `tokenizers`: random tokenizer.json files, by tools/golden/random_tokenizers.py.
// MATLORA_RANDOM_TOKENIZERS may name another folder of them.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <iostream>

#include "matlora/base/error.h"
#include "matlora/base/json.h"
#include "matlora/base/utf8.h"
#include "matlora/text/tokenizer.h"

namespace matlora::text {
namespace {

std::filesystem::path folder() {
  if (const char* name = std::getenv("MATLORA_RANDOM_TOKENIZERS")) return name;
  const char* golden = std::getenv("MATLORA_GOLDEN");
  return golden == nullptr ? std::filesystem::path()
                           : std::filesystem::path(golden) / "random_tokenizers";
}

using Ids = std::vector<int32_t>;

struct Counts {
  size_t texts = 0, ids = 0, decoded = 0;  // that differ, but for the first
};

bool decodes(const Tokenizer& tokenizer, const Ids& ids, bool skip_special, const Json& expected) {
  return expected.is_null() ||
         valid_utf8(tokenizer.decode(ids, skip_special)) == expected.get<std::string>();
}

/// What differs goes to the log: the first texts of each file.
void compare(const std::filesystem::path& path, Counts& counts) {
  const Tokenizer tokenizer = Tokenizer::from_json(path);
  size_t shown = 0;
  for (const Json& golden : read_json(std::filesystem::path(path).replace_extension(".cases"))) {
    ++counts.texts;
    const auto text = golden["text"].get<std::string>();
    const auto ids = golden["ids"].get<Ids>(), plain = golden["plain"].get<Ids>();
    Ids got, got_plain;
    std::string error;
    try {
      got = tokenizer.encode(text);
      got_plain = tokenizer.encode(text, /*add_special=*/false);
    } catch (const UserError& caught) {
      error = caught.what();
    }
    const bool same_ids = error.empty() && got == ids && got_plain == plain;
    const bool same_text = decodes(tokenizer, ids, false, golden["decoded"]) &&
                           decodes(tokenizer, ids, true, golden["shown"]);
    counts.ids += !same_ids;
    counts.decoded += !same_text;
    if ((same_ids && same_text) || shown++ > 0) continue;
    std::cout << path.filename().string() << ": " << golden["text"] << (same_ids ? "" : " ids")
              << (same_text ? "" : " decoded") << " " << error << "\n";
    if (!same_ids) std::cout << "  " << Json(plain) << "\n  " << Json(got_plain) << "\n";
    for (const bool skip : {false, true}) {
      const Json& expected = golden[skip ? "shown" : "decoded"];
      if (decodes(tokenizer, ids, skip, expected)) continue;
      std::cout << "  " << expected << "\n  " << Json(valid_utf8(tokenizer.decode(ids, skip)))
                << "\n";
    }
  }
}

TEST(RandomTokenizers, EncodeAndDecodeAsInTokenizers) {
  if (folder().empty() || !std::filesystem::is_directory(folder())) {
    GTEST_SKIP() << "no golden files; run tools/golden/random_tokenizers.py";
  }
  Counts counts;
  size_t files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder())) {
    if (entry.path().extension() != ".json") continue;
    ++files;
    try {
      compare(entry.path(), counts);
    } catch (const UserError& error) {
      ADD_FAILURE() << error.what();
    }
  }
  std::cout << files << " files, " << counts.texts << " texts: " << counts.ids
            << " with other ids, " << counts.decoded << " decoded differently\n";
  EXPECT_GE(files, 20U);
  EXPECT_LE(counts.ids * 1000, counts.texts);
  EXPECT_LE(counts.decoded * 1000, counts.texts);
}

}  // namespace
}  // namespace matlora::text
