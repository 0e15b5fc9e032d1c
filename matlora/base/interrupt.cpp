#include "matlora/base/interrupt.h"

#include <semaphore.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <ctime>
#include <mutex>
#include <thread>
#include <vector>

#include "matlora/base/error.h"

namespace matlora {
namespace {

// What the handler touches: nothing that allocates or locks.
std::atomic<int> g_signal{0}, g_count{0};
std::atomic<int64_t> g_time_ns{0};
std::atomic<const char*> g_reply{nullptr};  // of the long run, or null
sem_t g_wake;

std::recursive_mutex g_mutex;  // recursive: last words may drop what has some
std::vector<std::function<void()>> g_words;

int64_t now_ns() {
  struct timespec now {};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return int64_t{1000000000} * now.tv_sec + now.tv_nsec;
}

void write_error(const char* text) {
  [[maybe_unused]] const ssize_t size = ::write(STDERR_FILENO, text, std::strlen(text));
}

extern "C" void on_signal(int signal) {
  const int error = errno;
  const int count = ++g_count;
  const char* const reply = g_reply;
  if (count == 1) {
    g_time_ns = now_ns();
    g_signal = signal;
  }
  if (reply == nullptr || count == 2) {
    if (count <= 2) write_error("\nstopping now\n");
    ::sem_post(&g_wake);
  } else if (count == 1) {
    write_error("\n");
    write_error(reply);
    write_error("\n");
  }
  errno = error;
}

/// Sleeps until a signal ends the program.
void wait_for_the_end() {
  while (::sem_wait(&g_wake) != 0) {
  }
  const std::lock_guard lock(g_mutex);
  for (auto words = g_words.rbegin(); words != g_words.rend(); ++words) (*words)();
  ::_exit(128 + g_signal);
}

}  // namespace

void watch_interrupts() {
  static const bool once = [] {
    ::sem_init(&g_wake, 0, 0);
    std::thread(wait_for_the_end).detach();
    return true;
  }();
  (void)once;
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);
  struct sigaction action {};
  action.sa_handler = on_signal;
  action.sa_flags = SA_RESTART;
  ::sigemptyset(&action.sa_mask);
  for (const int signal : {SIGINT, SIGTERM}) ::sigaction(signal, &action, nullptr);
  struct sigaction hangup {};
  ::sigaction(SIGHUP, nullptr, &hangup);
  if (hangup.sa_handler != SIG_IGN) ::sigaction(SIGHUP, &action, nullptr);
}

int interrupt_signal() { return g_signal; }

double seconds_since_interrupt() {
  return g_signal == 0 ? 0 : static_cast<double>(now_ns() - g_time_ns) * 1e-9;
}

LongRun::LongRun(const char* reply) {
  check(g_reply == nullptr, "two long runs at a time");
  g_reply = reply;
}

LongRun::~LongRun() { g_reply = nullptr; }

LastWords::LastWords(std::function<void()> words) {
  const std::lock_guard lock(g_mutex);
  g_words.push_back(std::move(words));
}

LastWords::~LastWords() {
  const std::lock_guard lock(g_mutex);
  g_words.pop_back();
}

}  // namespace matlora
