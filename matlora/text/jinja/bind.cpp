#include "matlora/text/jinja/bind.h"

namespace matlora::text::jinja {
namespace {

std::vector<std::string_view> words(std::string_view text) {
  std::vector<std::string_view> result;
  while (!text.empty()) {
    const size_t end = std::min(text.find(' '), text.size());
    result.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return result;
}

}  // namespace

Bound::Bound(const Signature& signature, const Arguments& arguments) : name_(signature.name) {
  std::string_view parameters = signature.parameters;
  const bool nameless = parameters.starts_with('/');
  if (nameless) parameters.remove_prefix(1);
  const std::vector<std::string_view> names = words(parameters);
  values_.resize(names.size());
  if (arguments.positional.size() > names.size()) {
    fault(name_, "() takes at most ", names.size(), " arguments, got ",
          arguments.positional.size());
  }
  std::copy(arguments.positional.begin(), arguments.positional.end(), values_.begin());
  for (const auto& [name, value] : arguments.named) {
    const auto found = std::find(names.begin(), names.end(), name);
    if (nameless || found == names.end()) {
      fault(name_, "() got an unexpected keyword argument '", printable(name), "'");
    }
    auto& slot = values_[static_cast<size_t>(found - names.begin())];
    if (slot) fault(name_, "() got multiple values for argument '", name, "'");
    slot = value;
  }
  for (size_t i = 0; i < signature.required; ++i) {
    if (!values_[i]) fault(name_, "() missing a required argument: '", names[i], "'");
  }
}

int64_t Bound::integer_or(size_t i, int64_t fallback) const {
  if (!values_[i]) return fallback;
  expect_defined(*values_[i]);
  if (!values_[i]->is_integral()) {
    fault(name_, "(): '", values_[i]->type_name(), "' object cannot be interpreted as an integer");
  }
  return values_[i]->as_int();
}

const std::string& Bound::string(size_t i) const {
  if (!values_[i] || !values_[i]->is_string()) {
    fault(name_, "() argument must be str, not ",
          !values_[i] || values_[i]->is_undefined() ? "Undefined" : values_[i]->type_name());
  }
  return values_[i]->bytes();
}

}  // namespace matlora::text::jinja
