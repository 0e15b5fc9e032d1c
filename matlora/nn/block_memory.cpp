#include "matlora/nn/block_memory.h"

#include <c10/core/Allocator.h>
#include <c10/core/CPUAllocator.h>
#include <sys/mman.h>

#include <algorithm>
#include <list>
#include <mutex>
#include <unordered_map>

namespace matlora::nn {
namespace {

constexpr size_t kSmall = 256 << 10;  // bytes; less is left to the allocator of before
constexpr size_t kUnit = 64 << 10;    // bytes; sizes of blocks are multiples

struct Block {
  void* data;
  size_t size;  // bytes
};

/// Lives as long as the process, as tensors may. ATen's libraries also ask it for memory without a
/// tensor (raw_allocate), so a block is known by its address alone.
class BlockMemory : public c10::Allocator {
 public:
  BlockMemory(c10::Allocator* small, size_t most_waiting)
      : small_(small), most_waiting_(most_waiting) {
    instance_ = this;
  }

  c10::DataPtr allocate(size_t bytes) override {
    if (bytes < kSmall) return small_->allocate(bytes);
    const size_t size = (bytes + kUnit - 1) / kUnit * kUnit;
    Block block = take(size);
    if (block.data == nullptr) block = map(size);
    if (block.data == nullptr) return small_->allocate(bytes);  // which says what is wrong
    const std::lock_guard lock(mutex_);
    sizes_[block.data] = block.size;
    return {block.data, block.data, &release, c10::Device(c10::kCPU)};
  }

  c10::DeleterFnPtr raw_deleter() const override { return &release; }

  void copy_data(void* to, const void* from, size_t bytes) const override {
    default_copy_data(to, from, bytes);
  }

 private:
  static Block map(size_t size) {
    void* const data =
        ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return data == MAP_FAILED ? Block{nullptr, 0} : Block{data, size};
  }

  /// Of a block, or of what small_ gave.
  static void release(void* data) {
    if (!instance_->put(data)) instance_->small_->raw_deallocate(data);
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

  /// False: no block.
  bool put(void* data) {
    const std::lock_guard lock(mutex_);
    const auto held = sizes_.find(data);
    if (held == sizes_.end()) return false;
    waiting_.push_back({data, held->second});
    waiting_bytes_ += held->second;
    sizes_.erase(held);
    while (waiting_bytes_ > most_waiting_) {
      ::munmap(waiting_.front().data, waiting_.front().size);
      waiting_bytes_ -= waiting_.front().size;
      waiting_.pop_front();
    }
    return true;
  }

  static inline BlockMemory* instance_ = nullptr;

  c10::Allocator* small_;
  size_t most_waiting_;
  std::mutex mutex_;
  std::unordered_map<void*, size_t> sizes_;  // of the blocks in use
  std::list<Block> waiting_;                 // the oldest first
  size_t waiting_bytes_ = 0;
};

}  // namespace

void use_block_memory(size_t most_waiting) {
  static BlockMemory* const memory = new BlockMemory(c10::GetCPUAllocator(), most_waiting);
  c10::SetCPUAllocator(memory);
}

}  // namespace matlora::nn
