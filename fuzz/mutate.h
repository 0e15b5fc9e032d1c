// Mutants that stay valid containers (Target::mutate).
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "fuzz/target.h"

namespace matlora::fuzz {

/// Some change in a JSON value: a node replaced by an extreme one or by another node of `other`, a
/// key dropped or renamed, an element repeated or moved, a number moved, a text changed.
void mutate_json(nlohmann::json& value, const nlohmann::json& other, Random& random);

/// Of one JSON text; of JSON Lines; of safetensors; of GGUF.
std::string mutate_json_text(std::string_view input, std::string_view other, Random& random);
std::string mutate_json_lines(std::string_view input, std::string_view other, Random& random);
std::string mutate_safetensors(std::string_view input, std::string_view other, Random& random);
std::string mutate_gguf(std::string_view input, std::string_view other, Random& random);

/// A changed text, valid UTF-8 in most cases.
std::string mutate_text(std::string text, Random& random);

/// Numbers where readers go wrong.
int64_t extreme_integer(Random& random);

}  // namespace matlora::fuzz
