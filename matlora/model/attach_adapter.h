// An adapter from disk onto the model that it was trained on.
#pragma once

#include <filesystem>
#include <string>

#include "matlora/base/error.h"
#include "matlora/model/adapter_io.h"
#include "matlora/model/load.h"

namespace matlora::model {

/// Throws UserError at `where` unless `base` is the model that the adapter was trained on. False
/// where that cannot be told: an earlier matlora's digest is of another length. A plain PEFT
/// adapter's base is not known, so any will do.
bool check_base(const AdapterInfo& info, const Model& base, const std::string& where);

/// Reads an adapter and puts it on the layers of `base`. Throws what load_adapter, attach and
/// check_base throw.
LoadedAdapter attach_adapter(const std::filesystem::path& directory, Model& base);

}  // namespace matlora::model
