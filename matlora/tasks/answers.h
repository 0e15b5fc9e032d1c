// What lm-evaluation-harness makes of a generated answer to a GSM8K problem
// (lm_eval/tasks/gsm8k/gsm8k.yaml, lm_eval/filters/extraction.py). All texts: valid UTF-8.
#pragma once

#include <string>

namespace matlora::tasks {

/// The number behind the first "#### ", or "[invalid]": the filter strict-match.
std::string strict_answer(const std::string& response);

/// The last number, or "[invalid]": the filter flexible-extract.
std::string flexible_answer(const std::string& response);

/// exact_match: equal without commas, dollar signs, all up to the last "#### ", and a full stop at
/// the end, in lower case.
bool same_answer(const std::string& answer, const std::string& reference);

}  // namespace matlora::tasks
