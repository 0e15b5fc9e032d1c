// Several files as one JSON object, {"config.json": {..}, "model.safetensors": {HEADER}}, so that a
// mutant of it is a folder of valid files. Of a safetensors file the header stands; its data are
// made up where its offsets fit its shapes.
#pragma once

#include <filesystem>
#include <string_view>

#include "fuzz/target.h"

namespace matlora::fuzz {

/// The folder with these files, of which other ones are removed. Names that would leave it are
/// skipped; a text is a file as it is. Where `bundle` is no object the folder is empty.
std::filesystem::path as_folder(std::string_view bundle, const std::string& name);

/// The bytes with so many zeros behind them: the data of a GGUF file, whose header stands.
std::string with_zeros(std::string_view bytes, size_t zeros);

}  // namespace matlora::fuzz
