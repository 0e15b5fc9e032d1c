// Against `tokenizers`, by the files that tools/golden/tokenizer.py writes.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "matlora/base/json.h"
#include "matlora/text/load/gguf.h"
#include "matlora/text/tokenizer.h"

namespace matlora::text {
namespace {

std::filesystem::path golden_directory() {
  if (const char* directory = std::getenv("MATLORA_GOLDEN")) return directory;
#ifdef MATLORA_GOLDEN_DIR
  return MATLORA_GOLDEN_DIR;
#else
  return {};
#endif
}

std::vector<std::string> golden_names() {
  const std::string prefix = "tokenizer_cases_";
  std::vector<std::string> names;
  const auto directory = golden_directory();
  if (directory.empty() || !std::filesystem::is_directory(directory)) return names;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    const std::string stem = entry.path().stem().string();
    if (stem.starts_with(prefix)) names.push_back(stem.substr(prefix.size()));
  }
  return names;
}

void expect_case(const Tokenizer& tokenizer, const Json& golden) {
  const auto text = golden["text"].get<std::string>();
  const auto ids = tokenizer.encode(text, /*add_special=*/false);
  ASSERT_EQ(ids, golden["ids_no_special"].get<std::vector<int32_t>>()) << golden["text"];
  ASSERT_EQ(tokenizer.encode(text), golden["ids"].get<std::vector<int32_t>>()) << golden["text"];
  const Json& decoded = golden["decoded"];
  if (decoded.is_null()) return;
  const std::string bytes = tokenizer.decode(ids);
  ASSERT_EQ(bytes, decoded.get<std::string>()) << golden["text"];
}

// The same tokenizer, told as a GGUF file would tell it.
GgufVocabulary as_gguf(const Json& json, const std::string& pre) {
  GgufVocabulary result;
  result.where = "golden";
  result.model = "gpt2";
  result.pre = pre;
  for (const auto& [content, id] : json["model"]["vocab"].items()) {
    const auto index = id.get<size_t>();
    if (result.tokens.size() <= index) result.tokens.resize(index + 1);
    result.tokens[index] = content;
  }
  result.token_types.resize(result.tokens.size(), 1);
  for (const Json& token : json["added_tokens"]) {
    const auto index = token["id"].get<size_t>();
    if (result.tokens.size() <= index) {
      result.tokens.resize(index + 1);
      result.token_types.resize(index + 1, 1);
    }
    result.tokens[index] = token["content"].get<std::string>();
    result.token_types[index] = token["special"].get<bool>() ? 3 : 4;
  }
  for (const Json& merge : json["model"]["merges"]) {
    result.merges.push_back(merge[0].get<std::string>() + " " + merge[1].get<std::string>());
  }
  return result;
}

TEST(TokenizerParity, JsonFilesEncodeAndDecodeAsInTokenizers) {
  const auto names = golden_names();
  if (names.empty()) GTEST_SKIP() << "no golden files; run tools/golden/tokenizer.py";
  for (const std::string& name : names) {
    SCOPED_TRACE(name);
    const auto directory = golden_directory();
    const auto tokenizer = Tokenizer::from_json(directory / ("tokenizer_" + name + ".json"));
    const Json cases = read_json(directory / ("tokenizer_cases_" + name + ".json"));
    for (const Json& golden : cases) expect_case(tokenizer, golden);
  }
}

TEST(TokenizerParity, GgufVocabulariesEncodeAsTheirJsonTwins) {
  if (golden_names().empty()) GTEST_SKIP() << "no golden files; run tools/golden/tokenizer.py";
  const std::pair<std::string, std::string> twins[] = {
      {"smollm", "smollm"}, {"llama3", "llama-bpe"}, {"model", "smollm"}};
  for (const auto& [name, pre] : twins) {
    SCOPED_TRACE(name);
    const auto path = golden_directory() / ("tokenizer_" + name + ".json");
    if (!std::filesystem::exists(path)) continue;
    const auto tokenizer = Tokenizer::from_gguf(as_gguf(read_json(path), pre));
    const auto cases = golden_directory() / ("tokenizer_cases_" + name + ".json");
    for (const Json& golden : read_json(cases)) {
      const auto text = golden["text"].get<std::string>();
      // In llama.cpp a long s ends no contraction.
      if (text.find("'\u017F") != std::string::npos) continue;
      const auto ids = tokenizer.encode(text, false);
      ASSERT_EQ(ids, golden["ids_no_special"].get<std::vector<int32_t>>()) << golden["text"];
    }
  }
}

}  // namespace
}  // namespace matlora::text
