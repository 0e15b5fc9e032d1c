// Checks of SVG and HTML that was made by hand.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace matlora::tests {

inline size_t occurrences(const std::string& text, const std::string& part) {
  size_t count = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

/// Whether every element is closed in order, nothing is unquoted and no bare & is left.
inline void expect_well_formed(const std::string& markup) {
  std::vector<std::string> open;
  for (size_t at = markup.find('<'); at != std::string::npos; at = markup.find('<', at + 1)) {
    const size_t end = markup.find('>', at);
    ASSERT_NE(end, std::string::npos);
    const std::string tag = markup.substr(at + 1, end - at - 1);
    EXPECT_EQ(occurrences(tag, "\"") % 2, 0u) << tag;
    EXPECT_EQ(occurrences(tag, "<"), 0u) << tag;
    if (tag == "!DOCTYPE html") continue;
    if (tag[0] == '/') {
      ASSERT_FALSE(open.empty()) << tag;
      EXPECT_EQ(open.back(), tag.substr(1));
      open.pop_back();
    } else if (tag.back() != '/') {
      open.push_back(tag.substr(0, tag.find_first_of(" \n")));
    }
  }
  EXPECT_TRUE(open.empty());
  size_t entities = 0;
  for (const char* entity : {"&amp;", "&lt;", "&gt;", "&quot;"}) {
    entities += occurrences(markup, entity);
  }
  EXPECT_EQ(occurrences(markup, "&"), entities);
  for (const char* number :
       {"\"nan", "\"-nan", "\"inf", "\"-inf", ",nan", ",inf", " nan ", " inf "}) {
    EXPECT_EQ(occurrences(markup, number), 0u) << number;
  }
}

}  // namespace matlora::tests
