#include "matlora/cli/other_names.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace matlora::cli {
namespace {

/// Several of ours may be named, as one word per command: the first that the command has is meant.
struct OtherName {
  std::string_view theirs;  // in lower case, with _
  std::string_view ours;    // without dashes, split by spaces
  std::string_view more;    // behind it, or in its place where there is none
};

constexpr auto kOtherNames = std::to_array<OtherName>({
    // What goes in and out.
    {"model_name_or_path", "model", ""},
    {"pretrained_model_name_or_path", "model", ""},
    {"model_name", "model", ""},
    {"model_path", "model", ""},
    {"model_id", "model", ""},
    {"base_model", "model", ""},
    {"pretrained", "model", ""},
    {"tokenizer_name_or_path", "model", " (the model's own tokenizer)"},
    {"tokenizer", "model", " (the model's own tokenizer)"},
    {"dataset", "data", " FILE.jsonl"},
    {"datasets", "data", " FILE.jsonl"},
    {"dataset_name", "data", " FILE.jsonl"},
    {"dataset_path", "data", " FILE.jsonl"},
    {"data_path", "data", " FILE.jsonl"},
    {"data_file", "data", " FILE.jsonl"},
    {"train_file", "data", " FILE.jsonl"},
    {"train_data", "data", " FILE.jsonl"},
    {"eval_dataset", "eval-data data", ""},
    {"eval_file", "eval-data data", ""},
    {"validation_file", "eval-data data", ""},
    {"val_set_size", "eval-data", " FILE.jsonl (records that are not trained on)"},
    {"val_size", "eval-data", " FILE.jsonl (records that are not trained on)"},
    {"output_dir", "output", ""},
    {"output_path", "output", ""},
    {"out_dir", "output", ""},
    {"export_dir", "output", ""},
    {"overwrite_output_dir", "force", ""},
    {"resume_from_checkpoint", "resume", ""},
    {"adapter_name_or_path", "adapter init-adapter", ""},
    {"adapter_path", "adapter init-adapter", ""},
    {"adapter_dir", "adapter init-adapter", ""},
    {"peft_model_id", "adapter init-adapter", ""},
    {"lora_model_dir", "adapter init-adapter", ""},
    {"lora_path", "adapter init-adapter", ""},
    {"base_model_name_or_path", "base-name model", ""},
    // The adapter.
    {"lora_rank", "rank", ""},
    {"lora_r", "rank", ""},
    {"r", "rank", ""},
    {"lora_target", "target-modules", " (all-linear for all)"},
    {"lora_target_modules", "target-modules", ""},
    {"lora_target_linear", "target-modules", " all-linear"},
    {"lora_modules", "target-modules", ""},
    {"lora_alpha", "alpha", ""},
    {"use_rslora", "scaling", " sqrt"},
    {"peft_use_rslora", "scaling", " sqrt"},
    {"init_lora_weights", "init", ""},
    {"finetuning_type", "method", ""},
    {"peft_type", "method", ""},
    {"lora_dropout", "", "there is no dropout"},
    // The recipe.
    {"learning_rate", "lr", ""},
    {"lr_scheduler_type", "lr-schedule", ""},
    {"lr_scheduler", "lr-schedule", ""},
    {"num_train_epochs", "epochs", ""},
    {"num_epochs", "epochs", ""},
    {"max_train_steps", "max-steps", ""},
    {"max_iters", "max-steps", ""},
    {"per_device_train_batch_size", "batch-size", ""},
    {"per_device_eval_batch_size", "eval-batch-size batch-size", ""},
    {"train_batch_size", "batch-size", ""},
    {"eval_batch_size", "eval-batch-size batch-size", ""},
    {"micro_batch_size", "batch-size", ""},
    {"gradient_accumulation_steps", "grad-accum", ""},
    {"gradient_accumulation", "grad-accum", ""},
    {"warmup_steps", "warmup-ratio", " (a part of all steps)"},
    {"num_warmup_steps", "warmup-ratio", " (a part of all steps)"},
    {"gradient_clipping", "max-grad-norm", ""},
    {"clip_grad_norm", "max-grad-norm", ""},
    {"cutoff_len", "max-length", ""},
    {"max_seq_length", "max-length", ""},
    {"max_seq_len", "max-length", ""},
    {"sequence_len", "max-length", ""},
    {"model_max_length", "max-length", ""},
    {"block_size", "max-length", ""},
    {"max_samples", "limit", ""},
    {"max_train_samples", "limit", ""},
    {"num_samples", "limit", ""},
    {"random_seed", "seed", ""},
    {"data_seed", "seed", ""},
    {"eval_steps", "eval-every", ""},
    {"eval_interval", "eval-every", ""},
    {"save_steps", "save-every", ""},
    {"save_interval", "save-every", ""},
    {"save_total_limit", "save-every", " (the last state is kept)"},
    {"logging_steps", "", "every step is in OUTPUT/train_log.jsonl"},
    {"logging_dir", "", "every step is in OUTPUT/train_log.jsonl"},
    {"report_to", "", "every step is in OUTPUT/train_log.jsonl"},
    {"packing", "", "examples are always packed"},
    {"sample_packing", "", "examples are always packed"},
    {"gradient_checkpointing", "", "there is no checkpointing of activations"},
    {"optim", "optimizer", " adamw"},
    {"shuffle", "no-shuffle", " (records are shuffled without it)"},
    // The machine.
    {"bf16", "dtype", " bfloat16"},
    {"fp16", "dtype", " float16"},
    {"tf32", "dtype", ""},
    {"torch_dtype", "dtype", ""},
    {"precision", "dtype", ""},
    {"load_in_4bit", "dtype", " (a quantised .gguf file works as the model)"},
    {"load_in_8bit", "dtype", " (a quantised .gguf file works as the model)"},
    {"quantization_bit", "dtype", " (a quantised .gguf file works as the model)"},
    {"device_map", "device", ""},
    {"use_cpu", "device", " cpu"},
    {"no_cuda", "device", " cpu"},
    {"num_threads", "threads", ""},
    {"preprocessing_num_workers", "threads", ""},
    {"dataloader_num_workers", "threads", ""},
    // Scoring and answering.
    {"tasks", "task eval-task", ""},
    {"num_fewshot", "shots eval-shots", ""},
    {"n_shot", "shots eval-shots", ""},
    {"log_samples", "samples", ""},
    {"max_length", "max-new-tokens", ""},
    {"max_tokens", "max-new-tokens", ""},
    {"max_gen_toks", "max-new-tokens eval-max-new-tokens", ""},
    {"n_predict", "max-new-tokens", ""},
    {"do_sample", "temperature", " above 0"},
    {"temp", "temperature", ""},
    {"instruction", "question", ""},
    {"query", "question", ""},
    {"prompt_file", "prompts", ""},
    {"input_file", "prompts file data", ""},
});

/// "--Learning-Rate" as the table has it: "learning_rate".
std::string table_form(std::string name) {
  name.erase(0, std::min(name.find_first_not_of('-'), name.size()));
  for (char& c : name) c = c == '-' ? '_' : static_cast<char>(CLI::detail::to_lower({c})[0]);
  return name;
}

/// The first of the names, split by spaces, that the command has; "" when it has none.
std::string first_known(const CLI::App& app, std::string_view names) {
  while (!names.empty()) {
    const size_t end = std::min(names.find(' '), names.size());
    std::string name(names.substr(0, end));
    if (app.get_option_no_throw("--" + name) != nullptr) return name;
    names.remove_prefix(std::min(end + 1, names.size()));
  }
  return "";
}

}  // namespace

std::string other_name_hint(const CLI::App& app, const std::string& name,
                            const std::string& dashes) {
  const std::string theirs = table_form(name);
  std::string same = theirs;  // with - for _
  std::replace(same.begin(), same.end(), '_', '-');
  if (!first_known(app, same).empty()) return "; here it is " + dashes + same;
  for (const OtherName& other : kOtherNames) {
    if (other.theirs != theirs) continue;
    const std::string ours = first_known(app, other.ours);
    if (!ours.empty()) return "; here it is " + dashes + ours + std::string(other.more);
    if (other.ours.empty()) return "; " + std::string(other.more);
  }
  return "";
}

}  // namespace matlora::cli
