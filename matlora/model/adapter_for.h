// An adapter from disk for the model that it was trained on.
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

/// Throws UserError at `where` for an adapter that leaves every model as it is: in each layer A or
/// B is zero throughout.
void check_does_something(const adapter::Adapter& adapter, const std::string& where);

/// Reads an adapter for `base`, onto its device. Throws what load_adapter, check_fits,
/// check_does_something and check_base throw.
LoadedAdapter load_adapter_for(const std::filesystem::path& directory, Model& base);

}  // namespace matlora::model
