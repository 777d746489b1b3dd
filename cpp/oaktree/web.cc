#include "oaktree/web.h"

#include <absl/strings/ascii.h>
#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/strip.h>
#include <absl/time/clock.h>
#include <curl/curl.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "oaktree/address.h"

namespace oaktree::internal {
namespace {

// Milliseconds. Who cannot be reached is given up soon, since there is another way.
constexpr long kConnectTime = 5000;
// Bytes.
constexpr long kBuffer = 256 << 10;
// How much is read of what a cloud says instead of the bytes, so that its connection can be used
// again.
constexpr int64_t kMostRefusal = 64 << 10;
constexpr size_t kMostIdle = 16;

// Whether no byte got there, nor would any other.
bool IsUnreachable(CURLcode code) {
  switch (code) {
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_URL_MALFORMAT:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_CONNECT:
    // There is a limit for connecting alone.
    case CURLE_OPERATION_TIMEDOUT:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_PROXY:
      return true;
    default:
      return false;
  }
}

// In lower case.
std::string UrlPart(CURLU* url, CURLUPart part) {
  char* found = nullptr;
  if (curl_url_get(url, part, &found, 0) != CURLUE_OK) return "";
  std::string copy = absl::AsciiStrToLower(found);
  curl_free(found);
  return copy;
}

std::string Unquoted(const std::string& etag) {
  return std::string(absl::StripSuffix(absl::StripPrefix(etag, "\""), "\""));
}

}  // namespace

std::optional<WebPlace> ReadUrl(const std::string& url) {
  const std::unique_ptr<CURLU, decltype(&curl_url_cleanup)> parts(curl_url(), curl_url_cleanup);
  if (curl_url_set(parts.get(), CURLUPART_URL, url.c_str(), 0) != CURLUE_OK) return std::nullopt;
  const std::string scheme = UrlPart(parts.get(), CURLUPART_SCHEME);
  if (scheme != "http" && scheme != "https") return std::nullopt;
  std::string host = UrlPart(parts.get(), CURLUPART_HOST);
  if (absl::StartsWith(host, "[") && absl::EndsWith(host, "]")) {
    host = host.substr(1, host.size() - 2);
  }
  return WebPlace{scheme == "https", IsLocal(host)};
}

// One request under way, as libcurl asks and tells of it.
class Web::Work {
 public:
  Work(CURL* handle, const WebRequest& request, absl::Duration silence)
      : handle_(handle), request_(request), silence_(silence) {
    Set(CURLOPT_URL, request.url.c_str());
    Set(CURLOPT_PROTOCOLS_STR, "http,https");
    Set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
    // Names say what they mean.
    Set(CURLOPT_PATH_AS_IS, 1L);
    // A token is for the cloud that the ticket names.
    Set(CURLOPT_FOLLOWLOCATION, 0L);
    Set(CURLOPT_NOSIGNAL, 1L);
    Set(CURLOPT_TCP_KEEPALIVE, 1L);
    Set(CURLOPT_CONNECTTIMEOUT_MS, kConnectTime);
    Set(CURLOPT_BUFFERSIZE, kBuffer);
    Set(CURLOPT_UPLOAD_BUFFERSIZE, kBuffer);
    Set(CURLOPT_USERAGENT, "oaktreemodel-cpp/" OAKTREE_VERSION);
    const auto place = ReadUrl(request.url);
    // A proxy for the outside world cannot reach this machine's own ports, nor is it to see a
    // token.
    if (place && place->is_local) Set(CURLOPT_PROXY, "");
    Set(CURLOPT_NOPROGRESS, 0L);
    Set(CURLOPT_XFERINFOFUNCTION, &Work::OnProgress);
    Set(CURLOPT_XFERINFODATA, this);
    Set(CURLOPT_HEADERFUNCTION, &Work::OnHeader);
    Set(CURLOPT_HEADERDATA, this);
    Set(CURLOPT_WRITEFUNCTION, &Work::OnReceive);
    Set(CURLOPT_WRITEDATA, this);
    for (const auto& one : request.headers) {
      headers_.reset(curl_slist_append(headers_.release(), one.c_str()));
    }
    Set(CURLOPT_HTTPHEADER, headers_.get());
  }

  Reply Put(Outgoing& body) {
    body_ = &body;
    Set(CURLOPT_UPLOAD, 1L);
    Set(CURLOPT_CUSTOMREQUEST, request_.method.c_str());
    Set(CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(body.size()));
    Set(CURLOPT_READFUNCTION, &Work::OnSend);
    Set(CURLOPT_READDATA, this);
    Set(CURLOPT_SEEKFUNCTION, &Work::OnSeek);
    Set(CURLOPT_SEEKDATA, this);
    if (body.size() == 0) {
      // What has no bytes is not read, and checked all the same.
      char none;
      if (auto read = body.Read(&none, 0); !read.ok()) return {read.status(), {}, ""};
    }
    return Perform();
  }

  Reply Get(const Stretch& of, const std::function<absl::Status(std::string_view)>& take) {
    of_ = &of;
    take_ = &take;
    Set(CURLOPT_HTTPGET, 1L);
    Set(CURLOPT_CUSTOMREQUEST, request_.method.c_str());
    return Perform();
  }

 private:
  struct Free {
    void operator()(curl_slist* list) const { curl_slist_free_all(list); }
  };

  template <typename Value>
  void Set(CURLoption option, Value value) {
    curl_easy_setopt(handle_, option, value);
  }

  long Status() const {
    long status = 0;
    curl_easy_getinfo(handle_, CURLINFO_RESPONSE_CODE, &status);
    return status;
  }

  Reply Perform() {
    moved_at_ = absl::Now();
    const CURLcode code = curl_easy_perform(handle_);
    if (!reply_.own.ok() || reply_.barred) return std::move(reply_);
    const long status = Status();
    const bool is_answered = status >= 200;
    if (is_answered && status != request_.expected_status) {
      reply_.barred = {absl::StrCat("the cloud answers with HTTP status ", status), status};
    } else if (code != CURLE_OK) {
      reply_.barred = {curl_easy_strerror(code), 0, !is_answered && IsUnreachable(code)};
    }
    return std::move(reply_);
  }

  // Of the callbacks: whether it goes on.
  bool IsGood(absl::Status status) {
    moved_at_ = absl::Now();
    if (status.ok()) return true;
    reply_.own = std::move(status);
    return false;
  }

  bool Bar(std::string why) {
    reply_.barred = {std::move(why)};
    return false;
  }

  bool GoesOn(int64_t moved, int64_t sent) {
    if (std::exchange(moved_, moved) != moved) moved_at_ = absl::Now();
    // Once it has all, a cloud may work on it for long.
    const bool is_sent = body_ != nullptr && sent == body_->size();
    if (!is_sent && absl::Now() - moved_at_ > silence_) return Bar("the cloud is silent");
    if (!request_.look) return true;
    absl::Status status = request_.look();
    if (status.ok()) return true;
    reply_.own = std::move(status);
    return false;
  }

  bool Receive(std::string_view bytes) {
    if (take_ == nullptr || Status() != request_.expected_status) {
      refusal_ += static_cast<int64_t>(bytes.size());
      return refusal_ <= kMostRefusal;
    }
    if (!std::exchange(is_begun_, true)) {
      if (!of_->etag.empty() && !reply_.etag.empty() && Unquoted(of_->etag) != reply_.etag) {
        return Bar("it has changed");
      }
      curl_off_t size = -1;
      curl_easy_getinfo(handle_, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &size);
      if (size >= 0 && of_->end && size != *of_->end - of_->offset) {
        return Bar(absl::StrCat("the cloud sends ", size, " bytes"));
      }
    }
    return IsGood((*take_)(bytes));
  }

  static int OnProgress(void* self, curl_off_t, curl_off_t received, curl_off_t, curl_off_t sent) {
    return static_cast<Work*>(self)->GoesOn(received + sent, sent) ? 0 : 1;
  }

  static size_t OnHeader(char* bytes, size_t, size_t size, void* self) {
    auto& etag = static_cast<Work*>(self)->reply_.etag;
    const std::string line(bytes, size);
    // Of an answer that was not the last.
    if (absl::StartsWith(line, "HTTP/")) etag.clear();
    if (absl::StartsWithIgnoreCase(line, "etag:")) {
      const std::string value = line.substr(5);
      etag = Unquoted(std::string(absl::StripAsciiWhitespace(value)));
    }
    return size;
  }

  static size_t OnReceive(char* bytes, size_t, size_t size, void* self) {
    // Any other number ends it.
    return static_cast<Work*>(self)->Receive({bytes, size}) ? size : size + 1;
  }

  static size_t OnSend(char* to, size_t, size_t size, void* self) {
    auto& work = *static_cast<Work*>(self);
    const auto count = work.body_->Read(to, size);
    return work.IsGood(count.status()) ? *count : CURL_READFUNC_ABORT;
  }

  static int OnSeek(void* self, curl_off_t offset, int) {
    const bool is_there = offset == 0 && static_cast<Work*>(self)->body_->Rewind();
    return is_there ? CURL_SEEKFUNC_OK : CURL_SEEKFUNC_CANTSEEK;
  }

  CURL* const handle_;
  const WebRequest& request_;
  const absl::Duration silence_;
  std::unique_ptr<curl_slist, Free> headers_;
  Outgoing* body_ = nullptr;
  const Stretch* of_ = nullptr;
  const std::function<absl::Status(std::string_view)>* take_ = nullptr;
  Reply reply_;
  bool is_begun_ = false;
  int64_t refusal_ = 0;
  int64_t moved_ = 0;
  absl::Time moved_at_;
};

Web::~Web() {
  for (void* one : idle_) curl_easy_cleanup(one);
}

Reply Web::Put(const WebRequest& request, Outgoing& body) {
  void* handle = Take();
  Reply reply = Work(handle, request, silence_).Put(body);
  Give(handle);
  return reply;
}

Reply Web::Get(WebRequest request, const Stretch& of,
               const std::function<absl::Status(std::string_view)>& take) {
  // Else what a cloud compresses would come as it is.
  request.headers.push_back("Accept-Encoding: identity");
  if (of.offset > 0) {
    request.headers.push_back(absl::StrCat("Range: bytes=", of.offset, "-",
                                           of.end ? absl::StrCat(*of.end - 1) : std::string()));
    request.expected_status = 206;
  }
  void* handle = Take();
  Reply reply = Work(handle, request, silence_).Get(of, take);
  Give(handle);
  return reply;
}

void* Web::Take() {
  static const CURLcode begun = curl_global_init(CURL_GLOBAL_DEFAULT);
  static_cast<void>(begun);
  const std::lock_guard lock(mutex_);
  if (idle_.empty()) return curl_easy_init();
  void* handle = idle_.back();
  idle_.pop_back();
  return handle;
}

void Web::Give(void* handle) {
  // Its connections stay.
  curl_easy_reset(handle);
  const std::lock_guard lock(mutex_);
  if (idle_.size() < kMostIdle) {
    idle_.push_back(handle);
  } else {
    curl_easy_cleanup(handle);
  }
}

}  // namespace oaktree::internal
