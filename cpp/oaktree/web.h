#ifndef OAKTREE_WEB_H_
#define OAKTREE_WEB_H_

#include <absl/status/status.h>
#include <absl/time/time.h>

#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "oaktree/outgoing.h"

namespace oaktree::internal {

// What a cloud is asked.
struct WebRequest {
  std::string method;
  std::string url;
  // Name: value.
  std::vector<std::string> headers;
  // The status of success.
  long expected_status = 0;
  // Asked about once a second at least; its error ends the request.
  std::function<absl::Status()> look;
};

// Why bytes did not go straight between this machine and a cloud. They may go through oaktree,
// which also knows what to tell of a cloud that refuses them.
struct Barred {
  // Without the URL, which is a secret.
  std::string why;
  // Of HTTP; 0 where the cloud did not answer.
  long status = 0;
  // Whether nothing else would get there, either.
  bool is_shut = false;
};

// What came of a request: nothing is wrong, or one of these is.
struct Reply {
  // An error of this side's own: of the bytes' source or target, or of who looks.
  absl::Status own;
  std::optional<Barred> barred;
  // Without quotes. Empty where the cloud tells none.
  std::string etag;
};

// Which bytes to get.
struct Stretch {
  // What they have to have; empty for whatever there is.
  std::string etag;
  int64_t offset = 0;
  // Where they end. Absent: nobody tells.
  std::optional<int64_t> end;
};

// Where a URL leads.
struct WebPlace {
  bool is_secure = false;
  // Whether the way never leaves this machine.
  bool is_local = false;
};

// Nothing if it is no URL of a web server.
std::optional<WebPlace> ReadUrl(const std::string& url);

// What asks clouds, by connections that are kept for the next one. For any thread.
class Web {
 public:
  // How long nothing may move before a request is given up.
  explicit Web(absl::Duration silence = absl::Minutes(2)) : silence_(silence) {}
  ~Web();
  Web(const Web&) = delete;
  Web& operator=(const Web&) = delete;

  Reply Put(const WebRequest& request, Outgoing& body);

  // Hands over the bytes as they come. From an offset on, the status of success is 206.
  Reply Get(WebRequest request, const Stretch& of,
            const std::function<absl::Status(std::string_view)>& take);

 private:
  class Work;

  // libcurl's handles that nobody uses; each has the connections that it made.
  void* Take();
  void Give(void* handle);

  const absl::Duration silence_;
  std::mutex mutex_;
  std::vector<void*> idle_;
};

}  // namespace oaktree::internal

#endif  // OAKTREE_WEB_H_
