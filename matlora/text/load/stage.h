// Reading one stage of a tokenizer.json: a part with a "type", or a Sequence of such parts.
#pragma once

#include <algorithm>
#include <span>
#include <string>

#include "matlora/base/error.h"
#include "matlora/base/json.h"

namespace matlora::text {

/// One line of a stage's table. `read` adds what `part` says to the stage.
template <class Stage>
struct StageKind {
  const char* type;  // as tokenizer.json names it
  void (*read)(const JsonObject& part, Stage& stage);
};

constexpr size_t kMaxSteps = 32;  // of one stage

/// The array `key` of `part`. Throws UserError when there is none.
const Json& array_of(const JsonObject& part, const std::string& key);

/// The string `key` of `part`, which is one character. Throws UserError when it is not.
std::string one_character(const JsonObject& part, const std::string& key);

/// Throws UserError: `part` has a type that is none of `known`.
[[noreturn]] void fail_unknown_type(const JsonObject& part, const std::string& known);

/// Adds the steps of `part` to `stage`; `sequence` is the key of the parts in a Sequence. Throws
/// UserError for an unknown type, for more than kMaxSteps steps, and what the readers throw.
template <class Stage>
void read_stage(const JsonObject& part, std::span<const StageKind<Stage>> kinds,
                const std::string& sequence, Stage& stage) {
  const std::string type = part.string("type");
  if (type == "Sequence") {
    for (const Json& value : array_of(part, sequence)) {
      read_stage(JsonObject(value, part.where()), kinds, sequence, stage);
    }
    return;
  }
  const auto kind =
      std::find_if(kinds.begin(), kinds.end(), [&](const auto& k) { return k.type == type; });
  if (kind == kinds.end()) {
    std::string known;
    for (const auto& k : kinds) known += (known.empty() ? "" : ", ") + std::string(k.type);
    fail_unknown_type(part, known + " or a Sequence of them");
  }
  kind->read(part, stage);
  if (stage.size() > kMaxSteps) {
    fail(part.where(), "more than ", kMaxSteps, " steps in a Sequence");
  }
}

}  // namespace matlora::text
