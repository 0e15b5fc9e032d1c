#include "matlora/model/adapters/key_order.h"

#include "matlora/base/json.h"

namespace matlora::model {
namespace {

/// Collects keys from the parser's events.
class Keys : public nlohmann::json_sax<Json> {
 public:
  explicit Keys(const std::string& name) : name_(name) {}

  std::vector<std::string> take() { return std::move(found_); }

  bool start_object(std::size_t) override { return open(/*is_object=*/true); }
  bool start_array(std::size_t) override { return open(/*is_object=*/false); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }
  bool key(string_t& key) override {
    if (depth_ == 1) is_inside_ = key == name_;
    if (depth_ == 2 && is_inside_ && is_object_) found_.push_back(key);
    return true;
  }

  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(number_integer_t) override { return true; }
  bool number_unsigned(number_unsigned_t) override { return true; }
  bool number_float(number_float_t, const string_t&) override { return true; }
  bool string(string_t&) override { return true; }
  bool binary(binary_t&) override { return true; }
  bool parse_error(std::size_t, const std::string&, const Json::exception&) override {
    return false;
  }

 private:
  bool open(bool is_object) {
    if (++depth_ == 2) is_object_ = is_object;
    return true;
  }
  bool close() {
    --depth_;
    return true;
  }

  const std::string& name_;
  std::vector<std::string> found_;
  int depth_ = 0;
  bool is_inside_ = false, is_object_ = false;
};

}  // namespace

std::vector<std::string> keys_in_order(std::string_view text, const std::string& name) {
  Keys keys(name);
  Json::sax_parse(text, &keys);
  return keys.take();
}

}  // namespace matlora::model
