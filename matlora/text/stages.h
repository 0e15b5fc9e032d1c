// The stages of a tokenizer in the order in which a text goes through them; load/ fills them in.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "matlora/text/added_tokens.h"
#include "matlora/text/decoder.h"
#include "matlora/text/model.h"
#include "matlora/text/normalizer.h"
#include "matlora/text/post_processor.h"
#include "matlora/text/pre_tokenizer.h"
#include "matlora/text/vocabulary.h"

namespace matlora::text {

/// To ids: added tokens that are looked for in the text as it is -> normalizer -> added tokens that
/// are looked for in the normalised text -> pre-tokenizer -> model -> post-processor. To text: the
/// decoder.
struct Stages {
  explicit Stages(const std::string& file) : where(file), vocabulary(file) {}

  std::string where;              // the file, for messages
  std::vector<AddedToken> added;  // tokens of the model or not
  Normalizer normalizer;
  PreTokenizer pre_tokenizer;
  Vocabulary vocabulary;  // the model's tokens
  std::unique_ptr<const Model> model;
  PostProcessor post_processor;
  Decoder decoder;
};

}  // namespace matlora::text
