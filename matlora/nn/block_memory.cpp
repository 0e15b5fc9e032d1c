#include "matlora/nn/block_memory.h"

#include <c10/core/Allocator.h>
#include <c10/core/CPUAllocator.h>
#include <sys/mman.h>

#include <algorithm>
#include <list>
#include <mutex>

namespace matlora::nn {
namespace {

constexpr size_t kSmall = 256 << 10;  // bytes; less is left to the allocator of before
constexpr size_t kUnit = 64 << 10;    // bytes; sizes of blocks are multiples

struct Block {
  void* data;
  size_t size;  // bytes
};

/// Lives as long as the process, as tensors may.
class BlockMemory : public c10::Allocator {
 public:
  BlockMemory(c10::Allocator* small, size_t most_waiting)
      : small_(small), most_waiting_(most_waiting) {}

  c10::DataPtr allocate(size_t bytes) override {
    if (bytes < kSmall) return small_->allocate(bytes);
    const size_t size = (bytes + kUnit - 1) / kUnit * kUnit;
    Block block = take(size);
    if (block.data == nullptr) block = map(size);
    if (block.data == nullptr) return small_->allocate(bytes);  // which says what is wrong
    return {block.data, new Held{this, block}, &release, c10::Device(c10::kCPU)};
  }

  void copy_data(void* to, const void* from, size_t bytes) const override {
    default_copy_data(to, from, bytes);
  }

 private:
  struct Held {
    BlockMemory* memory;
    Block block;
  };

  static Block map(size_t size) {
    void* const data =
        ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return data == MAP_FAILED ? Block{nullptr, 0} : Block{data, size};
  }

  static void release(void* context) {
    const auto* const held = static_cast<Held*>(context);
    held->memory->put(held->block);
    delete held;
  }

  /// The smallest waiting block that is large enough and not much larger.
  Block take(size_t size) {
    const std::lock_guard lock(mutex_);
    auto best = waiting_.end();
    for (auto it = waiting_.begin(); it != waiting_.end(); ++it) {
      const bool fits = it->size >= size && it->size <= size + size / 8;
      if (fits && (best == waiting_.end() || it->size < best->size)) best = it;
    }
    if (best == waiting_.end()) return {nullptr, 0};
    const Block block = *best;
    waiting_.erase(best);
    waiting_bytes_ -= block.size;
    return block;
  }

  void put(const Block& block) {
    const std::lock_guard lock(mutex_);
    waiting_.push_back(block);
    waiting_bytes_ += block.size;
    while (waiting_bytes_ > most_waiting_) {
      ::munmap(waiting_.front().data, waiting_.front().size);
      waiting_bytes_ -= waiting_.front().size;
      waiting_.pop_front();
    }
  }

  c10::Allocator* small_;
  size_t most_waiting_;
  std::mutex mutex_;
  std::list<Block> waiting_;  // the oldest first
  size_t waiting_bytes_ = 0;
};

}  // namespace

void use_block_memory(size_t most_waiting) {
  static BlockMemory* const memory = new BlockMemory(c10::GetCPUAllocator(), most_waiting);
  c10::SetCPUAllocator(memory);
}

}  // namespace matlora::nn
