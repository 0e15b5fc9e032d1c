// Ctrl-C, SIGTERM and a closed terminal (SIGHUP). The first signal asks a long run to stop, and the
// run looks at a flag. A second one ends the program at once, after its last words: what must be
// saved or cleaned up. Further signals change nothing. Outside of long runs the first one ends the
// program.
#pragma once

#include <functional>

namespace matlora {

/// From now on signals are handled as above. A write to a closed pipe or terminal, or beyond a file
/// size limit, is an error of that write and no longer the end of the program. SIGHUP stays ignored
/// where it is (nohup).
void watch_interrupts();

/// The first signal that came (SIGINT, SIGTERM, SIGHUP), or 0.
int interrupt_signal();

/// Seconds since that signal; 0 when none came.
double seconds_since_interrupt();

/// While it lives the first signal only sets the flag and says `reply` on stderr ("stopping after
/// this step; again to stop now"). One at a time; the text must stay.
class LongRun {
 public:
  explicit LongRun(const char* reply);
  ~LongRun();
  LongRun(const LongRun&) = delete;
  LongRun& operator=(const LongRun&) = delete;
};

/// While it lives, what a signal does before it ends the program. The last words made last come
/// first. They run in another thread and must not throw; the destructor waits for them.
class LastWords {
 public:
  explicit LastWords(std::function<void()> words);
  ~LastWords();
  LastWords(const LastWords&) = delete;
  LastWords& operator=(const LastWords&) = delete;
};

}  // namespace matlora
