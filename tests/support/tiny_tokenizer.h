// A byte-level tokenizer without merges: one token per byte, and two special ones.
#pragma once

#include <filesystem>
#include <string>

#include "matlora/base/json.h"
#include "matlora/text/tokenizer.h"

namespace matlora::tests {

constexpr int32_t kEos = 95, kBos = 96;  // ids of printable ASCII are byte - 0x20

/// tokenizer.json for printable ASCII and line ends ('\n' is 97, as byte-level BPE writes it), with
/// a template that puts BOS in front when `with_bos`.
inline Json tiny_tokenizer_json(bool with_bos) {
  Json vocabulary = Json::object();
  for (int id = 0; id < 95; ++id) {
    const char byte = static_cast<char>(0x20 + id);
    vocabulary[id == 0 ? "\u0120" : std::string(1, byte)] = id;
  }
  vocabulary["<eos>"] = kEos;
  vocabulary["<bos>"] = kBos;
  vocabulary["\u010A"] = 97;
  const auto added = [](int32_t id, const char* content) {
    return Json{{"id", id},
                {"content", content},
                {"special", true},
                {"lstrip", false},
                {"normalized", false},
                {"rstrip", false},
                {"single_word", false}};
  };
  const Json byte_level = {{"type", "ByteLevel"},
                           {"add_prefix_space", false},
                           {"trim_offsets", true},
                           {"use_regex", true}};
  Json json = {{"version", "1.0"},
               {"added_tokens", {added(kEos, "<eos>"), added(kBos, "<bos>")}},
               {"normalizer", nullptr},
               {"pre_tokenizer", byte_level},
               {"post_processor", nullptr},
               {"decoder", byte_level},
               {"model",
                {{"type", "BPE"},
                 {"dropout", nullptr},
                 {"unk_token", nullptr},
                 {"continuing_subword_prefix", nullptr},
                 {"end_of_word_suffix", nullptr},
                 {"fuse_unk", false},
                 {"byte_fallback", false},
                 {"ignore_merges", false},
                 {"vocab", vocabulary},
                 {"merges", Json::array()}}}};
  if (with_bos) {
    const auto piece = [](const char* kind, const char* id) {
      return Json{{kind, {{"id", id}, {"type_id", 0}}}};
    };
    json["post_processor"] = {
        {"type", "TemplateProcessing"},
        {"single", {piece("SpecialToken", "<bos>"), piece("Sequence", "A")}},
        {"pair", {piece("SpecialToken", "<bos>"), piece("Sequence", "A"), piece("Sequence", "B")}},
        {"special_tokens", {{"<bos>", {{"id", "<bos>"}, {"ids", {kBos}}, {"tokens", {"<bos>"}}}}}}};
  }
  return json;
}

}  // namespace matlora::tests
