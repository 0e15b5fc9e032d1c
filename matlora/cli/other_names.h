// The names that other trainers use for our options: HF Trainer, PEFT, LLaMA-Factory, axolotl,
// torchtune, lm-evaluation-harness and transformers' generate. They are never accepted in silence:
// an error says ours.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

namespace matlora::cli {

/// What to say to an option or a recipe's key that `app` does not have, to be put behind the name:
/// "; here it is --lr", or why there is none. `name` may begin with -- and have _ or -. "" where
/// the table does not know it; a misspelt name of ours is for did_you_mean(). `dashes`: how ours
/// are written, "--" on a command line and "" in a file.
std::string other_name_hint(const CLI::App& app, const std::string& name,
                            const std::string& dashes = "--");

}  // namespace matlora::cli
