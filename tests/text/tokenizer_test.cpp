#include "matlora/text/tokenizer.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <fstream>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "matlora/base/error.h"
#include "matlora/base/json.h"
#include "matlora/text/byte_level.h"
#include "matlora/text/load/gguf.h"

namespace matlora::text {
namespace {

using Ids = std::vector<int32_t>;

// All 256 bytes (id = byte), then "ab", "abc", "Ġa", "12", and two special tokens.
Json tiny() {
  Json vocab = Json::object();
  for (int byte = 0; byte < 256; ++byte) {
    vocab[to_byte_characters(std::string(1, static_cast<char>(byte)))] = byte;
  }
  vocab["ab"] = 256;
  vocab["abc"] = 257;
  vocab["Ġa"] = 258;
  vocab["12"] = 259;
  const auto special = [](const char* content, int id) {
    return Json{{"content", content}, {"id", id}, {"special", true}, {"normalized", false}};
  };
  return {{"model",
           {{"type", "BPE"},
            {"vocab", vocab},
            {"merges", {"a b", "ab c", "Ġ a", "1 2"}},
            {"unk_token", nullptr},
            {"dropout", nullptr}}},
          {"added_tokens", {special("<s>", 260), special("</s>", 261)}},
          {"normalizer", nullptr},
          {"pre_tokenizer", {{"type", "ByteLevel"}, {"add_prefix_space", false}}},
          {"decoder", {{"type", "ByteLevel"}}}};
}

Tokenizer load(const Json& json) {
  const auto path = std::filesystem::path(testing::TempDir()) /
                    cat("tokenizer_", testing::UnitTest::GetInstance()->random_seed(), "_",
                        testing::UnitTest::GetInstance()->current_test_info()->name(), ".json");
  std::ofstream(path) << json.dump();
  return Tokenizer::from_json(path);
}

Json changed(const std::function<void(Json&)>& change) {
  Json json = tiny();
  change(json);
  return json;
}

void expect_error(const std::function<void()>& action, const std::string& part) {
  try {
    action();
    ADD_FAILURE() << "no error; expected " << part;
  } catch (const UserError& error) {
    EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << error.what();
  }
}

void expect_load_error(const std::function<void(Json&)>& change, const std::string& part) {
  expect_error([&] { load(changed(change)); }, part);
}

GgufVocabulary tiny_gguf(const std::string& pre) {
  GgufVocabulary result;
  result.where = "tiny.gguf";
  result.model = "gpt2";
  result.pre = pre;
  const Json json = tiny();
  result.tokens.resize(262);
  for (const auto& [content, id] : json["model"]["vocab"].items()) {
    result.tokens[id.get<size_t>()] = content;
  }
  result.tokens[260] = "<s>";
  result.tokens[261] = "</s>";
  result.token_types.assign(262, 1);
  result.token_types[260] = 3;
  result.token_types[261] = 4;
  for (const Json& merge : json["model"]["merges"]) result.merges.push_back(merge);
  return result;
}

TEST(Tokenizer, MergesByRankWithinWords) {
  const auto tokenizer = load(tiny());
  EXPECT_EQ(tokenizer.encode("abc ab"), (Ids{257, 32, 256}));
  EXPECT_EQ(tokenizer.encode(" a"), (Ids{258}));
  EXPECT_EQ(tokenizer.encode(""), Ids{});
  EXPECT_EQ(tokenizer.vocab_size(), 262);
  EXPECT_EQ(tokenizer.token_id("Ġa"), 258);
  EXPECT_EQ(tokenizer.token_id("zzz"), std::nullopt);
  EXPECT_EQ(tokenizer.token(258), "Ġa");
  EXPECT_EQ(tokenizer.token(-1), "");
}

TEST(Tokenizer, MergesMayBePairs) {
  const auto tokenizer = load(changed(
      [](Json& json) { json["model"]["merges"] = Json::parse(R"([["a", "b"], ["ab", "c"]])"); }));
  EXPECT_EQ(tokenizer.encode("abc"), (Ids{257}));
}

TEST(Tokenizer, IgnoreMergesTakesWholeWords) {
  const auto unreachable = [](Json& json) { json["model"]["vocab"]["xyz"] = 262; };
  EXPECT_EQ(load(changed(unreachable)).encode("xyz"), (Ids{'x', 'y', 'z'}));
  const auto ignoring = changed([&](Json& json) {
    unreachable(json);
    json["model"]["ignore_merges"] = true;
  });
  EXPECT_EQ(load(ignoring).encode("xyz"), (Ids{262}));
}

TEST(Tokenizer, DigitsAreSplit) {
  const auto tokenizer = load(changed([](Json& json) {
    json["pre_tokenizer"] = Json::parse(
        R"({"type": "Sequence", "pretokenizers": [{"type": "Digits", "individual_digits": true},
            {"type": "ByteLevel", "add_prefix_space": false}]})");
  }));
  EXPECT_EQ(tokenizer.encode("12"), (Ids{'1', '2'}));
  EXPECT_EQ(load(tiny()).encode("12"), (Ids{259}));
}

TEST(Tokenizer, SpecialTokensAreFoundAndCanBeLeftOut) {
  const auto tokenizer = load(tiny());
  const Ids ids = tokenizer.encode("ab<s>ab</s>");
  EXPECT_EQ(ids, (Ids{256, 260, 256, 261}));
  EXPECT_EQ(tokenizer.decode(ids), "ab<s>ab</s>");
  EXPECT_EQ(tokenizer.decode(ids, /*skip_special=*/true), "abab");
  EXPECT_TRUE(tokenizer.is_special(260));
  EXPECT_FALSE(tokenizer.is_special(256));
  EXPECT_FALSE(tokenizer.is_special(99999));
}

TEST(Tokenizer, TemplateGivesBosAndEos) {
  const auto tokenizer = load(changed([](Json& json) {
    json["post_processor"] = Json::parse(R"({"type": "Sequence", "processors": [
        {"type": "ByteLevel"}, {"type": "TemplateProcessing", "single": [
          {"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}},
          {"SpecialToken": {"id": "</s>", "type_id": 0}}],
         "special_tokens": {"<s>": {"ids": [260]}, "</s>": {"ids": [261]}}}]})");
  }));
  EXPECT_EQ(tokenizer.encode("ab"), (Ids{260, 256, 261}));
  EXPECT_EQ(tokenizer.encode("ab", /*add_special=*/false), (Ids{256}));
}

TEST(Tokenizer, EveryByteOfUtf8ComesBack) {
  const auto tokenizer = load(tiny());
  const std::string text = "héllo \xF0\x9F\x98\x80\r\n\t  \xE2\x80\xA8 中文 e\xCC\x81 '\xC5\xBF";
  EXPECT_EQ(tokenizer.decode(tokenizer.encode(text)), text);
}

TEST(Tokenizer, LongWordsAreFast) {
  const auto tokenizer = load(tiny());
  std::string word;
  while (word.size() < 1'000'000) word += "abc";
  const Ids ids = tokenizer.encode(word);
  EXPECT_EQ(ids, Ids(word.size() / 3, 257));
}

TEST(Tokenizer, ShortAndLongWordsMergeAlike) {
  const auto tokenizer = load(tiny());
  for (size_t repeats = 10; repeats < 30; ++repeats) {
    std::string word;
    for (size_t i = 0; i < repeats; ++i) word += "abc";
    EXPECT_EQ(tokenizer.encode(word), Ids(repeats, 257)) << repeats;
  }
}

TEST(Tokenizer, EncodesFromManyThreads) {
  const auto tokenizer = load(tiny());
  const Ids expected = tokenizer.encode("abc ab 12 <s> xyz");
  std::vector<std::thread> threads;
  std::vector<int> equal(4);
  for (size_t i = 0; i < equal.size(); ++i) {
    threads.emplace_back([&, i] {
      for (int n = 0; n < 200; ++n) equal[i] += tokenizer.encode("abc ab 12 <s> xyz") == expected;
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(equal, std::vector<int>(4, 200));
}

TEST(Tokenizer, InvalidUtf8IsNamedByItsOffset) {
  const auto tokenizer = load(tiny());
  expect_error([&] { tokenizer.encode("ab\xFFz"); }, "not valid UTF-8 at byte 2");
}

TEST(Tokenizer, AnIdWithoutATokenDecodesToNothing) {
  const auto json = load(changed([](Json& j) { j["model"]["vocab"]["z9"] = 300; }));
  const auto gguf = Tokenizer::from_gguf(tiny_gguf("gpt-2"));
  for (const bool skip_special : {false, true}) {
    EXPECT_EQ(json.decode(Ids{262, 256, 299, 'c', 301, INT32_MAX}, skip_special), "abc");
    EXPECT_EQ(gguf.decode(Ids{262, 256, 'c', INT32_MAX}, skip_special), "abc");
  }
  EXPECT_FALSE(json.is_special(299));
  EXPECT_FALSE(json.is_special(INT32_MAX));
  EXPECT_EQ(json.token(299), "");
  EXPECT_EQ(json.vocab_size(), 301);
}

TEST(Tokenizer, MemoryFollowsTheTokensNotTheirIds) {
  const auto peak = [] {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss;  // KiB
  };
  const auto before = peak();
  const auto model = load(changed([](Json& j) { j["model"]["vocab"]["z9"] = 16777215; }));
  EXPECT_EQ(model.vocab_size(), 16777216);
  EXPECT_EQ(model.decode(Ids{16777215}), "z9");
  const auto added = load(changed([](Json& j) { j["added_tokens"][0]["id"] = 16777214; }));
  EXPECT_EQ(added.encode("<s>"), (Ids{16777214}));
  EXPECT_LT(peak() - before, 32 * 1024);
}

TEST(Tokenizer, UnsupportedPartsAreNamed) {
  expect_load_error([](Json& j) { j["model"]["type"] = "Unigram"; }, "model: ");
  expect_load_error(
      [](Json& j) { j["model"]["type"] = "Other"; },
      "model: expected type 'BPE' or 'Unigram' or 'WordLevel' or 'WordPiece', got 'O");
  expect_load_error([](Json& j) { j["model"]["dropout"] = 0.1; }, "dropout");
  expect_load_error(
      [](Json& j) {
        j["normalizer"] = {{"type", "Bert"}};
      },
      "normalizer: expected BertNormalizer, ByteLevel, Lowercase, NFC, NFD, NFKC, NFKD, Nmt, "
      "Precompiled, Prepend, Replace, Strip, StripAccents or a Sequence of them, got 'Bert'");
  expect_load_error(
      [](Json& j) {
        j["pre_tokenizer"] = {{"type", "UnicodeScripts"}};
      },
      "'UnicodeScripts'");
  expect_load_error([](Json& j) { j["decoder"] = {{"type", "Pieces"}}; }, "decoder: expected");
  expect_load_error(
      [](Json& j) {
        j["post_processor"] = {{"type", "Other"}};
      },
      "post_processor: expected");
}

TEST(Tokenizer, BrokenFilesAreNamed) {
  expect_load_error([](Json& j) { j["model"]["merges"].push_back("q qq"); },
                    "merge 4: token 'qq' is not in the vocabulary");
  expect_load_error([](Json& j) { j["model"]["merges"].push_back("x y"); },
                    "merge 4: token 'xy' is not in the vocabulary");
  expect_load_error([](Json& j) { j["model"]["merges"].push_back("abc"); }, "merge 4: expected");
  expect_load_error([](Json& j) { j["model"]["merges"].push_back(7); }, "merge 4: expected");
  expect_load_error([](Json& j) { j["model"]["merges"] = 7; }, "'merges': expected an array");
  expect_load_error([](Json& j) { j["model"]["vocab"] = Json::array(); }, "expected an object");
  expect_load_error([](Json& j) { j["model"]["vocab"]["z9"] = -1; }, "id out of range");
  expect_load_error([](Json& j) { j["model"]["vocab"]["z9"] = 1LL << 40; }, "id out of range");
  expect_load_error([](Json& j) { j["model"]["vocab"]["z9"] = UINT64_MAX; }, "an integer id");
  expect_load_error([](Json& j) { j["model"]["vocab"]["z9"] = 5; }, "given to two tokens");
  expect_load_error([](Json& j) { j["model"]["vocab"]["z9"] = "5"; }, "an integer id");
  expect_load_error([](Json& j) { j["added_tokens"][0]["id"] = 5; }, "given to two tokens");
  expect_load_error([](Json& j) { j.erase("model"); }, "'model' is missing");
  expect_load_error(
      [](Json& j) {
        j["pre_tokenizer"] =
            Json::parse(R"({"type": "Split", "pattern": {"Regex": "(a"}, "behavior": "Isolated"})");
      },
      "pattern '(a'");
}

TEST(TokenizerGguf, KnowsItsPreTokenizers) {
  for (const char* pre : {"default", "gpt-2", "smollm", "llama-bpe", "qwen2"}) {
    const auto tokenizer = Tokenizer::from_gguf(tiny_gguf(pre));
    const std::string text = "ab <s> 12 345, it's\n\n x</s>";
    EXPECT_EQ(tokenizer.decode(tokenizer.encode(text)), text) << pre;
    const bool whole = std::string(pre) != "smollm" && std::string(pre) != "qwen2";
    EXPECT_EQ(tokenizer.encode("12"), whole ? Ids{259} : (Ids{'1', '2'})) << pre;
    EXPECT_TRUE(tokenizer.is_special(260));
    EXPECT_TRUE(tokenizer.is_special(261));  // by its text, against its type
  }
}

TEST(TokenizerGguf, AddsBosAndEosWhenAsked) {
  auto vocabulary = tiny_gguf("smollm");
  vocabulary.add_bos = vocabulary.add_eos = true;
  vocabulary.bos_token_id = 260;
  vocabulary.eos_token_id = 261;
  EXPECT_EQ(Tokenizer::from_gguf(vocabulary).encode("ab"), (Ids{260, 256, 261}));
  vocabulary.eos_token_id = 262;
  expect_error([&] { Tokenizer::from_gguf(vocabulary); }, "eos_token_id: expected less than 262");
  vocabulary.eos_token_id = 261;
  vocabulary.bos_token_id.reset();
  expect_error([&] { Tokenizer::from_gguf(vocabulary); }, "bos_token_id is missing");
}

TEST(TokenizerGguf, RefusesWhatItDoesNotKnow) {
  expect_error([] { Tokenizer::from_gguf(tiny_gguf("smolm")); }, "did you mean 'smollm'?");
  auto vocabulary = tiny_gguf("gpt-2");
  vocabulary.model = "bert";
  expect_error([&] { Tokenizer::from_gguf(vocabulary); },
               "tokenizer.ggml.model: expected 'gemma4'");
  vocabulary = tiny_gguf("gpt-2");
  vocabulary.token_types.pop_back();
  expect_error([&] { Tokenizer::from_gguf(vocabulary); }, "expected 262 numbers");
  vocabulary = tiny_gguf("gpt-2");
  vocabulary.merges.push_back("ab");
  expect_error([&] { Tokenizer::from_gguf(vocabulary); }, "merge 4: expected 'left right'");
  vocabulary = tiny_gguf("gpt-2");
  vocabulary.tokens[3] = "\xC3";
  expect_error([&] { Tokenizer::from_gguf(vocabulary); }, "token 3: not valid UTF-8");
}

}  // namespace
}  // namespace matlora::text
