// Mistral 7B and what shares its architecture: Llama with a window in every layer. GGUF has it as a
// llama. Keys: transformers' MistralConfig.
#include "matlora/model/families/configs.h"
#include "matlora/model/families/family.h"

namespace matlora::model {
namespace {

Hyperparameters read_hf(const JsonObject& config) {
  expect_activation(config, "silu");
  Hyperparameters of =
      read_hf_sizes(config, {.num_kv_heads = 8, .max_position_embeddings = 4096 * 32});
  set_sliding(std::vector<bool>(static_cast<size_t>(of.num_layers), true),
              read_window(config, 4096), /*rope=*/0, of);
  return of;
}

}  // namespace

Family mistral_family() {
  Family family = llama_family();
  family.name = "mistral";
  family.hf_types = {{"mistral", "MistralForCausalLM"}};
  family.gguf_architectures = {};
  family.gguf_written = "llama";
  family.read_hf = read_hf;
  return family;
}

}  // namespace matlora::model
