// Uses the installed readers without Torch.
#include <iostream>

#include "matlora/base/error.h"
#include "matlora/base/json.h"
#include "matlora/format/safetensors.h"
#include "matlora/text/tokenizer.h"

int main() {
  try {
    matlora::parse_json("{", "consumer");
  } catch (const matlora::UserError& error) {
    std::cout << error.what() << "\n";
    return 0;
  }
  return 1;
}
