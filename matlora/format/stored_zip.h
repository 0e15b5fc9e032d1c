// A zip archive whose entries are stored as they are, the form that torch.save writes. Format:
// PKWARE's APPNOTE.TXT, 4.3 and 4.4.
#pragma once

#include <cstddef>
#include <map>
#include <span>
#include <string>

namespace matlora::format {

/// Name -> bytes within `file`. Throws UserError at `where` for what is no zip archive, an entry
/// that is compressed, encrypted or of zip64's sizes (4 GiB and more), a name that is there twice,
/// and entries that overlap or pass the directory of the archive. Nothing is copied.
std::map<std::string, std::span<const std::byte>> stored_zip_entries(
    std::span<const std::byte> file, const std::string& where);

}  // namespace matlora::format
