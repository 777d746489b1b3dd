#include "cloud.h"

#include <absl/strings/ascii.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>

#include "transfers.h"

namespace oaktree::testing {
namespace {

// False at the end of what comes.
bool Receive(int socket, std::string& read) {
  char some[65536];
  const ssize_t count = ::recv(socket, some, sizeof some, 0);
  if (count > 0) read.append(some, static_cast<size_t>(count));
  return count > 0;
}

void Send(int socket, const std::string& bytes) {
  for (size_t at = 0; at < bytes.size();) {
    const ssize_t count = ::send(socket, bytes.data() + at, bytes.size() - at, MSG_NOSIGNAL);
    if (count <= 0) return;
    at += static_cast<size_t>(count);
  }
}

}  // namespace

Cloud::Cloud() : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in at = {};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof at;
  auto* address = reinterpret_cast<sockaddr*>(&at);
  if (::bind(listener_, address, size) != 0 || ::listen(listener_, 64) != 0 ||
      ::getsockname(listener_, address, &size) != 0) {
    std::abort();
  }
  url_ = "http://127.0.0.1:" + std::to_string(ntohs(at.sin_port));
  accepting_ = std::thread([this] {
    for (int socket; (socket = ::accept(listener_, nullptr, nullptr)) >= 0;) {
      const std::lock_guard lock(mutex_);
      sockets_.push_back(socket);
      threads_.emplace_back([this, socket] { Serve(socket); });
    }
  });
}

Cloud::~Cloud() {
  ::shutdown(listener_, SHUT_RDWR);
  accepting_.join();
  ::close(listener_);
  for (const int one : sockets_) ::shutdown(one, SHUT_RDWR);
  for (auto& one : threads_) one.join();
  for (const int one : sockets_) ::close(one);
}

void Cloud::Set(Answerer answerer) {
  const std::lock_guard lock(mutex_);
  answerer_ = std::move(answerer);
}

std::vector<Asked> Cloud::asked() const {
  const std::lock_guard lock(mutex_);
  return asked_;
}

std::map<std::string, std::string> Cloud::kept() const {
  const std::lock_guard lock(mutex_);
  return kept_;
}

void Cloud::Keep(const std::string& path, const std::string& bytes) {
  const std::lock_guard lock(mutex_);
  kept_[path] = bytes;
}

oaktreemodel::v1::Ticket Cloud::PutTo(const std::string& path) const {
  oaktreemodel::v1::Ticket ticket;
  ticket.set_http_method("PUT");
  ticket.set_url(url_ + path);
  ticket.set_expected_status(201);
  ticket.set_auth(oaktreemodel::v1::TICKET_AUTH_SIGNED);
  return ticket;
}

oaktreemodel::v1::Ticket Cloud::GetFrom(const std::string& path) const {
  auto ticket = PutTo(path);
  ticket.set_http_method("GET");
  ticket.set_expected_status(200);
  return ticket;
}

void Cloud::Serve(int socket) {
  std::string read;
  while (One(socket, read)) {
  }
  // What is closed here could be another's by the time the test ends.
  ::shutdown(socket, SHUT_RDWR);
}

// Answers one request; false if there is to be no other.
bool Cloud::One(int socket, std::string& read) {
  size_t end;
  while ((end = read.find("\r\n\r\n")) == std::string::npos) {
    if (!Receive(socket, read)) return false;
  }
  Asked asked;
  const std::string head = read.substr(0, end + 2);
  read.erase(0, end + 4);
  const size_t first = head.find(' '), second = head.find(' ', first + 1);
  asked.method = head.substr(0, first);
  asked.path = head.substr(first + 1, second - first - 1);
  for (size_t at = head.find("\r\n") + 2; at < head.size();) {
    const size_t line = head.find("\r\n", at), colon = head.find(':', at);
    const std::string value = head.substr(colon + 1, line - colon - 1);
    asked.headers[absl::AsciiStrToLower(head.substr(at, colon - at))] =
        std::string(absl::StripAsciiWhitespace(value));
    at = line + 2;
  }
  Answerer answerer;
  {
    const std::lock_guard lock(mutex_);
    answerer = answerer_;
  }
  Answered given;
  const bool is_early = answerer && answerer(asked, given);
  bool is_given = is_early;
  if (!is_early) {
    if (asked.headers.count("expect") > 0) Send(socket, "HTTP/1.1 100 Continue\r\n\r\n");
    const auto size = static_cast<size_t>(std::atoll(asked.headers["content-length"].c_str()));
    while (read.size() < size) {
      if (!Receive(socket, read)) break;
    }
    if (read.size() < size) {
      const std::lock_guard lock(mutex_);
      asked_.push_back(asked);
      return false;
    }
    asked.body = read.substr(0, size);
    read.erase(0, size);
    asked.is_whole = true;
    is_given = answerer && answerer(asked, given);
  }
  {
    const std::lock_guard lock(mutex_);
    asked_.push_back(asked);
    if (!is_given && asked.method == "PUT") kept_[asked.path] = asked.body;
  }
  if (!is_given) given = Answer(asked);
  if (given.is_silent) {
    while (Receive(socket, read)) {
    }
    return false;
  }
  std::string answer = "HTTP/1.1 " + std::to_string(given.status) + " As told\r\n";
  for (const auto& [name, value] : given.headers) answer += name + ": " + value + "\r\n";
  answer += "Content-Length: " + std::to_string(given.body.size() + given.missing) + "\r\n\r\n";
  Send(socket, answer + given.body);
  // A body that was not read is in the way of the next request.
  return given.missing == 0 && (!is_early || asked.method == "GET");
}

Answered Cloud::Answer(const Asked& asked) const {
  Answered given;
  const std::lock_guard lock(mutex_);
  const auto found = kept_.find(asked.path);
  if (found == kept_.end()) {
    given.status = 404;
    return given;
  }
  given.headers["ETag"] = '"' + Md5(found->second) + '"';
  if (asked.method == "PUT") {
    given.status = 201;
    return given;
  }
  given.body = found->second;
  const auto range = asked.headers.find("range");
  if (range != asked.headers.end()) {
    given.status = 206;
    given.body = given.body.substr(static_cast<size_t>(
        std::atoll(range->second.substr(std::string("bytes=").size()).c_str())));
  }
  return given;
}

std::string NobodysUrl() {
  const Cloud gone;
  return gone.url();
}

}  // namespace oaktree::testing
