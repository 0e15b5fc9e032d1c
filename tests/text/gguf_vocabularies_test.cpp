// Against llama.cpp, by its own test files models/ggml-vocab-*.gguf with .inp (texts) and .out
// (ids). They are not part of the project: MATLORA_LLAMA_VOCABS names a folder that has them.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <sstream>

#include "matlora/format/gguf.h"
#include "matlora/text/load/gguf.h"
#include "matlora/text/tokenizer.h"

namespace matlora::text {
namespace {

GgufVocabulary read_vocabulary(const std::filesystem::path& path) {
  const format::Gguf file = format::Gguf::open(path);
  GgufVocabulary result;
  result.where = path.filename().string();
  result.model = file.string("tokenizer.ggml.model");
  result.pre = file.string_or("tokenizer.ggml.pre", "");
  result.tokens = file.strings("tokenizer.ggml.tokens");
  result.token_types = file.integers("tokenizer.ggml.token_type");
  if (file.has("tokenizer.ggml.merges")) result.merges = file.strings("tokenizer.ggml.merges");
  if (file.has("tokenizer.ggml.scores")) {
    const format::GgufValue& value = file.metadata().at("tokenizer.ggml.scores");
    const auto& scores = std::get<std::vector<double>>(value);
    result.scores.assign(scores.begin(), scores.end());
  }
  if (file.has("tokenizer.ggml.add_space_prefix")) {
    result.add_space_prefix = file.boolean_or("tokenizer.ggml.add_space_prefix", true);
  }
  return result;
}

std::string contents(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::vector<std::string> read_texts(const std::filesystem::path& path) {
  const std::string all = contents(path), mark = "\n__ggml_vocab_test__\n";
  std::vector<std::string> texts;
  for (size_t begin = 0; begin < all.size();) {
    const size_t end = all.find(mark, begin);
    if (end == std::string::npos) break;
    texts.push_back(all.substr(begin, end - begin));
    begin = end + mark.size();
  }
  return texts;
}

void expect_ids(const Tokenizer& tokenizer, const std::string& name, const std::string& stem) {
  std::istringstream lines(contents(stem + ".out"));
  size_t equal = 0, count = 0;
  for (const std::string& text : read_texts(stem + ".inp")) {
    std::string line;
    std::getline(lines, line);
    std::istringstream numbers(line);
    const std::vector<int32_t> expected{std::istream_iterator<int32_t>(numbers), {}};
    ++count;
    const bool same = tokenizer.encode(text, /*add_special=*/false) == expected;
    equal += same;
    EXPECT_TRUE(same) << name << ": '" << text << "'";
  }
  std::cout << name << ": " << equal << " of " << count << " texts\n";
}

TEST(GgufVocabularies, EncodeAsInLlamaCpp) {
  const char* folder = std::getenv("MATLORA_LLAMA_VOCABS");
  if (folder == nullptr) GTEST_SKIP() << "MATLORA_LLAMA_VOCABS names no folder";
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const std::string path = entry.path().string();
    if (!path.ends_with(".gguf") || !std::filesystem::exists(path + ".out")) continue;
    const GgufVocabulary vocabulary = read_vocabulary(entry.path());
    try {
      expect_ids(Tokenizer::from_gguf(vocabulary), vocabulary.where, path);
    } catch (const UserError& error) {
      std::cout << "not read: " << error.what() << "\n";
    }
  }
}

}  // namespace
}  // namespace matlora::text
