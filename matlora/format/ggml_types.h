// From a file's type numbers to GgmlType; private to the GGUF reader.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "matlora/format/gguf.h"

namespace matlora::format {

/// The type with the format's `number`, if matlora can dequantise it.
std::optional<GgmlType> ggml_type_of(uint32_t number);

/// All names of the table, for messages: "F32, F16, ..".
std::string ggml_type_names();

}  // namespace matlora::format
