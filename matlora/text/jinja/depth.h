// Counts how deep a rendering is, as it uses the program's own stack.
#pragma once

#include "matlora/text/jinja/machine.h"

namespace matlora::text::jinja {

class Machine::Deeper {
 public:
  explicit Deeper(Machine& machine, size_t by = 1) : machine_(machine), by_(by) {
    const size_t most = Budget::current() ? Budget::current()->limits().depth : Limits().depth;
    if (machine.depth_ + by > most)
      fault("the template nests deeper than ", most, " levels; does a macro call itself?");
    machine.depth_ += by;
  }
  ~Deeper() { machine_.depth_ -= by_; }
  Deeper(const Deeper&) = delete;
  Deeper& operator=(const Deeper&) = delete;

 private:
  Machine& machine_;
  size_t by_;
};

}  // namespace matlora::text::jinja
