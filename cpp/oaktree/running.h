#ifndef OAKTREE_RUNNING_H_
#define OAKTREE_RUNNING_H_

#include <mutex>
#include <set>

namespace oaktree::internal {

// A call that can be ended from any thread.
class Cancellable {
 public:
  virtual void Cancel() = 0;

 protected:
  ~Cancellable() = default;
};

// The calls that are under way on a connection.
class Running {
 public:
  // Ends them all, and whatever comes later.
  void Close();

 private:
  friend class Registration;

  std::mutex mutex_;
  std::set<Cancellable*> calls_;
  bool is_closed_ = false;
};

// Has a call among them as long as this lives.
class Registration {
 public:
  // Of none where there is no connection.
  Registration(Running* running, Cancellable& call);
  ~Registration();
  Registration(const Registration&) = delete;
  Registration& operator=(const Registration&) = delete;

 private:
  Running* const running_;
  Cancellable& call_;
};

}  // namespace oaktree::internal

#endif  // OAKTREE_RUNNING_H_
