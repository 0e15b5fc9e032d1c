#include "matlora/text/load/gguf_specials.h"

#include <gtest/gtest.h>

#include "matlora/text/tokenizer.h"
#include "tests/support/files.h"

namespace matlora::text {
namespace {

using Ids = std::vector<int32_t>;

/// "a" (0), "b" (1) and "<s>" (2, the BOS token), then `more`, which are normal tokens.
GgufVocabulary vocabulary(const std::string& pre, const std::vector<std::string>& more = {}) {
  GgufVocabulary result;
  result.where = "tiny.gguf";
  result.model = "gpt2";
  result.pre = pre;
  result.tokens = {"a", "b", "<s>"};
  result.tokens.insert(result.tokens.end(), more.begin(), more.end());
  result.token_types.assign(result.tokens.size(), kNormalToken);
  result.token_types[2] = kControlToken;
  result.bos_token_id = 2;
  return result;
}

Ids ends(const std::vector<std::string>& more) {
  return gguf_specials(vocabulary("gpt-2", more)).ends;
}

TEST(GgufBos, OnlyLlama3sPreTokenizerAddsItUnasked) {
  for (const char* pre : {"", "default", "gpt-2", "llama-bpe", "qwen2", "smollm"}) {
    GgufVocabulary source = vocabulary(pre);
    const bool added = std::string(pre) == "llama-bpe";
    EXPECT_EQ(Tokenizer::from_gguf(source).encode("ab"), added ? (Ids{2, 0, 1}) : (Ids{0, 1}))
        << pre;
    EXPECT_EQ(Tokenizer::from_gguf(source).encode("ab", false), (Ids{0, 1})) << pre;
    source.add_bos = false;
    EXPECT_EQ(Tokenizer::from_gguf(source).encode("ab"), (Ids{0, 1})) << pre;
    source.add_bos = true;
    EXPECT_EQ(Tokenizer::from_gguf(source).encode("ab"), (Ids{2, 0, 1})) << pre;
  }
}

TEST(GgufBos, AFileWithoutABosTokenHasNone) {
  GgufVocabulary source = vocabulary("llama-bpe");
  source.bos_token_id.reset();
  EXPECT_EQ(Tokenizer::from_gguf(source).encode("ab"), (Ids{0, 1}));
  source.add_bos = true;
  EXPECT_USER_ERROR(Tokenizer::from_gguf(source), "bos_token_id is missing");
}

TEST(GgufEnds, AreKnownByTheirTexts) {
  for (const char* text : {"<|eot_id|>",
                           "<|im_end|>",
                           "<|end|>",
                           "<|return|>",
                           "<|call|>",
                           "<|flush|>",
                           "<|calls|>",
                           "<end_of_turn>",
                           "<|endoftext|>",
                           "</s>",
                           "<|eom_id|>",
                           "<EOT>",
                           "_<EOT>",
                           "[EOT]",
                           "[EOS]",
                           "<|end_of_text|>",
                           "<end_of_utterance>",
                           "<eos>",
                           "<turn|>",
                           "<|tool_response>",
                           "<｜end▁of▁sentence｜>",
                           "[e~[",
                           "<|fim_pad|>",
                           "<fim-pad>",
                           "<fim_pad>",
                           "<PAD>",
                           "[PAD]",
                           "<|fim_repo|>",
                           "<|repo_name|>",
                           "<fim-repo>",
                           "<REPO>",
                           "<reponame>",
                           "<|file_sep|>"}) {
    EXPECT_EQ(ends({"x", text}), (Ids{4})) << text;
    // Such a token is a control token, whatever the file says.
    const GgufVocabulary source = vocabulary("gpt-2", {"x", text});
    const Tokenizer tokenizer = Tokenizer::from_gguf(source);
    EXPECT_TRUE(tokenizer.is_special(4)) << text;
    EXPECT_EQ(tokenizer.encode(std::string("a") + text + "b"), (Ids{0, 4, 1})) << text;
    EXPECT_EQ(tokenizer.decode(Ids{0, 4, 1}, /*skip_special=*/true), "ab") << text;
  }
}

TEST(GgufEnds, AreNotWhatOnlyLooksAlike) {
  for (const char* text : {"<|im_start|>", "<|start_header_id|>", "<s>2", "<unk>", "[UNK]", "eot",
                           "<|IM_END|>", " <|im_end|>", "<|file_sep|> "}) {
    EXPECT_EQ(ends({text}), Ids{}) << text;
  }
  for (const char* text : {"<|fim_prefix|>", "<fim_suffix>", "<MID>"}) {
    EXPECT_EQ(ends({text}), Ids{}) << text;
    EXPECT_EQ(gguf_specials(vocabulary("gpt-2", {text})).types[3], kControlToken) << text;
  }
}

TEST(GgufEnds, OtherTypesStayTheFiles) {
  GgufVocabulary source = vocabulary("gpt-2", {"<tool>", "<unk>", "plain"});
  source.token_types = {1, 1, 3, kUserDefinedToken, kUnknownToken, 1};
  EXPECT_EQ(gguf_specials(source).types, source.token_types);
  source.token_types.clear();
  EXPECT_EQ(gguf_specials(source).types, std::vector<int64_t>(6, kNormalToken));
  source.token_types = {1};
  EXPECT_USER_ERROR(gguf_specials(source), "expected 6 numbers, one for each token, got 1");
}

TEST(GgufEnds, OfKeysComeFirst) {
  GgufVocabulary source = vocabulary("gpt-2", {"<|endoftext|>", "x", "<|im_end|>", "y", "z"});
  EXPECT_EQ(gguf_specials(source).ends, (Ids{3, 5}));
  source.eos_token_id = 5;
  EXPECT_EQ(gguf_specials(source).ends, (Ids{5, 3}));
  source.eot_token_id = 6;
  source.eom_token_id = 4;
  EXPECT_EQ(gguf_specials(source).ends, (Ids{5, 6, 4, 3}));
  source.fim_pad_token_id = 7;
  source.fim_rep_token_id = 6;
  source.fim_sep_token_id = 0;
  EXPECT_EQ(gguf_specials(source).ends, (Ids{5, 6, 4, 7, 0, 3}));
  source.eos_token_id = 8;
  EXPECT_USER_ERROR(gguf_specials(source), "eos_token_id: expected less than 8, got 8");
}

TEST(GgufEnds, AKeyGoesBeforeTheTextsOfInfilling) {
  GgufVocabulary source = vocabulary("gpt-2", {"<|fim_pad|>", "x", "<fim_pad>"});
  EXPECT_EQ(gguf_specials(source).ends, (Ids{3}));  // the first
  source.fim_pad_token_id = 4;
  EXPECT_EQ(gguf_specials(source).ends, (Ids{4}));
}

TEST(GgufEnds, SomeAreTakenBack) {
  EXPECT_EQ(ends({"<|end|>", "<|return|>", "<|call|>"}), (Ids{4, 5}));
  EXPECT_EQ(ends({"<|end|>", "<|flush|>", "<|calls|>"}), (Ids{4, 5}));
  EXPECT_EQ(ends({"<|end|>", "<|return|>"}), (Ids{3, 4}));
  EXPECT_EQ(ends({"</s>", "<|tool_response>"}), (Ids{4}));
  EXPECT_EQ(gguf_specials(vocabulary("gpt-2", {"<|channel|>"})).types[3], kUserDefinedToken);
}

TEST(GgufMerges, AreNeededByTokensOfSeveralBytes) {
  GgufVocabulary source = vocabulary("gpt-2", {"ab"});
  EXPECT_USER_ERROR(Tokenizer::from_gguf(source), "tokenizer.ggml.merges: expected");
  source.merges = {"a b"};
  EXPECT_EQ(Tokenizer::from_gguf(source).encode("ab"), (Ids{3}));
  source = vocabulary("gpt-2", {"<|im_end|>"});  // bytes and special tokens alone
  EXPECT_EQ(Tokenizer::from_gguf(source).encode("ab"), (Ids{0, 1}));
}

}  // namespace
}  // namespace matlora::text
