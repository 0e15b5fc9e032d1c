// What a Hugging Face directory says of a model, from a GGUF file: config.json and
// generation_config.json.
#pragma once

#include <map>
#include <string>

#include "matlora/base/error.h"
#include "matlora/format/gguf.h"
#include "matlora/model/families/family.h"

namespace matlora::model {

struct HfFiles {
  std::map<std::string, std::string> texts;  // by name
  double norm_offset = 0;                    // of the family there (Hyperparameters)
};

/// Of the first family that has the file's architecture and says the same of the model. Keys: those
/// of transformers' configurations, as both its versions 4 and 5 read them. Throws UserError that
/// lists what config.json cannot say.
HfFiles hf_files(const Configuration& model, const format::Gguf& file, const std::string& dtype);

}  // namespace matlora::model
