#include "matlora/cli/flag_names.h"

#include <algorithm>

#include "matlora/base/error.h"

namespace matlora::cli {

std::string flag_of(const std::string& field) {
  if (field == "learning_rate") return "--lr";  // the one flag that has another name
  std::string flag = "--" + field;
  std::replace(flag.begin(), flag.end(), '_', '-');
  return flag;
}

std::string shown(const std::exception& error) {
  const auto* const user = dynamic_cast<const UserError*>(&error);
  return user != nullptr ? user->text(flag_of) : error.what();
}

}  // namespace matlora::cli
