#ifndef OAKTREE_TESTS_CLOUD_H_
#define OAKTREE_TESTS_CLOUD_H_

#include <atomic>
#include <functional>
#include <list>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "oaktreemodel/v1/transfer.pb.h"

namespace oaktree::testing {

// What a cloud was asked. Headers by their names in lower case.
struct Asked {
  std::string method;
  std::string path;
  std::map<std::string, std::string> headers;
  std::string body;
  // Whether the body has come.
  bool is_whole = false;
};

// What it answers.
struct Answered {
  int status = 200;
  std::map<std::string, std::string> headers;
  std::string body;
  // How many bytes more there are said to be than are sent before the connection ends.
  size_t missing = 0;
  // Nothing is said until the test is over.
  bool is_silent = false;
};

// A web server that keeps what is PUT and gives it to who GETs, unless a test says something else.
class Cloud {
 public:
  Cloud();
  ~Cloud();

  // http://127.0.0.1:port
  std::string url() const { return url_; }

  // Says what else to answer, before a request's body is read or after it; true if it does.
  using Answerer = std::function<bool(const Asked& asked, Answered& given)>;
  void Set(Answerer answerer);

  std::vector<Asked> asked() const;
  std::map<std::string, std::string> kept() const;
  void Keep(const std::string& path, const std::string& bytes);

  // Tickets to use it.
  oaktreemodel::v1::Ticket PutTo(const std::string& path) const;
  oaktreemodel::v1::Ticket GetFrom(const std::string& path) const;

 private:
  void Serve(int socket);
  bool One(int socket, std::string& read);
  Answered Answer(const Asked& asked) const;

  int listener_;
  std::string url_;
  mutable std::mutex mutex_;
  Answerer answerer_;
  std::vector<Asked> asked_;
  std::map<std::string, std::string> kept_;
  std::vector<int> sockets_;
  std::list<std::thread> threads_;
  std::thread accepting_;
};

// Where nobody listens.
std::string NobodysUrl();

}  // namespace oaktree::testing

#endif  // OAKTREE_TESTS_CLOUD_H_
