// The model of a tokenizer: it encodes the pieces that the pre-tokenizer cuts, one by one.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "matlora/text/vocabulary.h"

namespace matlora {
class JsonObject;
}

namespace matlora::text {

/// Immutable; every call is thread-safe. What token an id is, its Vocabulary says.
class Model {
 public:
  virtual ~Model() = default;

  /// Appends the ids of `piece` (not empty) to `ids`. Throws UserError when a part of it has no
  /// token and there is no unknown token.
  virtual void encode(std::string_view piece, std::vector<int32_t>& ids) const = 0;

  /// Whether it is for pieces that mean bytes, behind a ByteLevel pre-tokenizer. Else pieces are
  /// text.
  virtual bool in_bytes() const = 0;
};

/// Whether `model` encodes `piece` as the one token `id`.
bool encodes_as(const Model& model, std::string_view piece, int32_t id);

/// Throws UserError: `text` has no token, and there is no unknown one.
[[noreturn]] int32_t fail_without_unknown(std::string_view text);

/// The part "model" of a tokenizer.json, whose tokens go to `vocabulary`; its kinds are in models/.
/// `in_bytes` says that pieces may mean bytes. Throws UserError naming a type that is unknown,
/// or what is malformed.
std::unique_ptr<const Model> read_model(const JsonObject& part, bool in_bytes,
                                        Vocabulary& vocabulary);

}  // namespace matlora::text
