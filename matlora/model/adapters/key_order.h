// The order of keys in a JSON file, which a parsed object does not keep.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace matlora::model {

/// The keys of the object `name` within the outermost object of a JSON text, as they come; none
/// where it is no such object. The text is valid JSON (parse_json).
std::vector<std::string> keys_in_order(std::string_view text, const std::string& name);

}  // namespace matlora::model
