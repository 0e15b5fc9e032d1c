#include "matlora/text/jinja/filters.h"

#include "matlora/text/letter_case.h"

namespace matlora::text::jinja {
namespace {

/// Those of jinja2 that are known and not written: each is an error that names it.
template <const char* const& name>
Value unsupported(Machine&, const Value&, Arguments&) {
  fault("the filter '", name, "' is not supported");
}

constexpr const char* kFileSize = "filesizeformat";
constexpr const char* kPprint = "pprint";
constexpr const char* kRandom = "random";
constexpr const char* kStripTags = "striptags";
constexpr const char* kUrlize = "urlize";
constexpr const char* kWordWrap = "wordwrap";
constexpr const char* kXmlAttr = "xmlattr";

constexpr Filter kUnsupported[] = {{{kFileSize, "", 0}, nullptr, unsupported<kFileSize>},
                                   {{kPprint, "", 0}, nullptr, unsupported<kPprint>},
                                   {{kRandom, "", 0}, nullptr, unsupported<kRandom>},
                                   {{kStripTags, "", 0}, nullptr, unsupported<kStripTags>},
                                   {{kUrlize, "", 0}, nullptr, unsupported<kUrlize>},
                                   {{kWordWrap, "", 0}, nullptr, unsupported<kWordWrap>},
                                   {{kXmlAttr, "", 0}, nullptr, unsupported<kXmlAttr>}};

}  // namespace

const Filter* find_filter(std::string_view name) {
  for (const std::span<const Filter> filters :
       {text_filters(), list_filters(), choice_filters(), number_filters(),
        std::span<const Filter>(kUnsupported)}) {
    for (const Filter& filter : filters) {
      if (filter.signature.name == name) return &filter;
    }
  }
  return nullptr;
}

Value sort_key(const Value& value, bool case_sensitive) {
  return value.is_string() && !case_sensitive ? make_string(to_lower(value.bytes())) : value;
}

}  // namespace matlora::text::jinja
