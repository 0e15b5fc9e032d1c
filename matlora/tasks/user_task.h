// A user's own task: a JSON file next to the records it scores, `--task path/to/my_task.json`.
//
//   test             file of the records to score, from the task file's folder on
//   shots_from       file of the examples in prompts; where it is the test file itself, the scored
//                    record is left out
//   question         what the model reads: a template (template.h)
// and for a task scored by the likeliest choice (acc, acc_norm)
//   choices          a list of templates, or one "{field}" that is a list of strings in the record:
//                    2 or more texts, none empty
//   gold             the right one, a template: its index, counted from 0, or its text
//   gold_is          "index" or "text", for choices that are numbers themselves
// or for one scored by what the model writes (exact_match)
//   answer           the reference, a template
//   answer_regex     takes the answer out of a response
//   take             "first" (the default) or "last" of its matches
//   stops            where a response ends, a list of texts; ["\n\n"]
//   max_new_tokens   256
// and for both, where wanted
//   name             letters, digits, '_', '-', '.'; the file's name without .json
//   version          a text for the reports; "1"
//   description      before everything else, as it is
//   shots            examples in a prompt, 0
//   first_shots      always the file's first ones, else drawn again for every record; false
//
// exact_match. Of a match counts the first group that is not empty, or the whole match of a pattern
// without groups, stripped; a match with nothing in it does not count. What is taken is the first
// or the last that counts, "[invalid]" where none does. It must equal what the same pattern takes
// out of the reference, or the stripped reference where it takes nothing. Without answer_regex the
// stripped response must equal the stripped reference. Patterns are PCRE2's, with ^ and $ at the
// ends of lines.
#pragma once

#include <filesystem>

#include "matlora/tasks/task.h"

namespace matlora::tasks {

/// The task in that file. Throws UserError `FILE: 'key': expected .., got ..` for an unknown key,
/// with the nearest, a missing or mistyped one, those of both forms or of none, a broken template
/// or pattern. Task::read throws UserError FILE:LINE for a field that the record lacks, fewer than
/// 2 choices or an empty one, and a right answer that is none of them or could be two.
Task read_task_file(const std::filesystem::path& path);

}  // namespace matlora::tasks
