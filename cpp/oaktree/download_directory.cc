#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/time/clock.h>

#include <map>
#include <optional>
#include <utility>

#include "oaktree/digest.h"
#include "oaktree/directory.h"
#include "oaktree/download_object.h"
#include "oaktree/ignored.h"
#include "oaktree/inside.h"
#include "oaktree/lanes.h"
#include "oaktree/signed.h"
#include "oaktree/sink.h"
#include "oaktree/tally.h"
#include "oaktree/target.h"
#include "oaktree/ticket.h"
#include "oaktree/transfer.h"
#include "oaktree/v1/scope.h"
#include "oaktree/v1/storage_object.h"

namespace oaktree {
namespace internal {
namespace {

constexpr size_t kMd5Digits = 32;

class DirectoryDownload {
 public:
  DirectoryDownload(std::shared_ptr<const Place> place, std::string container, std::string prefix,
                    Inside inside, const DirectoryOptions& options)
      : place_(std::move(place)),
        way_(place_, {}, container, prefix, /*is_upload=*/false),
        container_(std::move(container)),
        prefix_(std::move(prefix)),
        inside_(std::move(inside)),
        options_(options),
        deadline_(absl::Now() + options.timeout.value_or(absl::InfiniteDuration())),
        tally_(options.on_step),
        ignored_(options.ignore) {
    if (options.through_oaktree) way_.Shut();
  }

  absl::StatusOr<DirectoryResult> Run() {
    absl::Status status = List();
    if (!status.ok()) return status;
    int64_t total = 0;
    for (const auto& one : things_) total += one.size;
    sum_.emplace(options_.on_progress, "", total);
    status = InLanes(things_.size(), options_.parallel, [this](size_t one) {
      absl::Status done = sum_->is_stopped()
                              ? absl::CancelledError("the download was cancelled; what came stays")
                              : Fetch(one);
      if (done.ok()) return done;
      sum_->Of(one)({things_[one].path, 0, std::nullopt});
      done = tally_.Fail(things_[one].path, std::move(done));
      if (!done.ok()) sum_->Stop();
      return done;
    });
    if (!status.ok()) return status;
    return std::move(tally_.result());
  }

 private:
  // An object, and where it goes.
  struct Thing {
    std::string name;
    std::string path;
    int64_t size;
    // Empty where the cloud does not tell.
    std::string md5;
  };

  absl::Duration Left() const { return deadline_ - absl::Now(); }

  absl::Status List() {
    v1::ListStorageObjectsRequest request;
    request.set_parent(container_);
    request.set_prefix(prefix_);
    std::map<std::string, std::string> taken;
    for (const auto& one : StorageObjects(place_).List(request, Left())) {
      if (!one.ok()) return one.status();
      std::string path = PathOf(one->name());
      if (path.empty() || ignored_.Has(path)) continue;
      const auto [first, is_first] = taken.emplace(inside_.KeyOf(path), one->name());
      if (!is_first) {
        absl::Status failed =
            tally_.Fail(path, absl::InvalidArgumentError(absl::StrCat(
                                  "it is the same file here as that of ", first->second)));
        if (!failed.ok()) return failed;
        continue;
      }
      const bool is_told = !one->is_segmented() && one->etag().size() == kMd5Digits;
      things_.push_back(
          {one->name(), std::move(path), one->size_bytes(), is_told ? one->etag() : ""});
    }
    return absl::OkStatus();
  }

  std::string PathOf(const std::string& name) const {
    std::string path = name.substr(std::min(name.size(), prefix_.size()));
    // Of what is called photos/a, the prefix photos is meant as a folder's name.
    const bool is_folder = !prefix_.empty() && !absl::EndsWith(prefix_, "/");
    if (is_folder && absl::StartsWith(path, "/")) path.erase(0, 1);
    return path;
  }

  absl::Status Fetch(size_t number) {
    const Thing& one = things_[number];
    if (absl::EndsWith(one.path, "/") && one.size == 0) {
      // What stands for a folder, for those who look at it.
      const std::string folder = one.path.substr(0, one.path.size() - 1);
      return options_.dry_run ? Inside::Check(folder) : inside_.MakeFolder(folder);
    }
    if (absl::Status wrong = Inside::Check(one.path); !wrong.ok()) return wrong;
    if (!one.md5.empty() && inside_.Has(one.path, one.size, one.md5)) {
      sum_->Add(one.path, one.size);
      tally_.Do(FileStep::Action::kSkip, one.path, "the same bytes are there", one.size);
      return absl::OkStatus();
    }
    if (!options_.dry_run) {
      if (absl::Status failed = Save(number); !failed.ok()) return failed;
    }
    tally_.Do(FileStep::Action::kSend, one.path, "it is not there", one.size);
    return absl::OkStatus();
  }

  absl::Status Save(size_t number) {
    const Thing& one = things_[number];
    auto file = inside_.File(one.path);
    if (!file.ok()) return file.status();
    TransferOptions options(Left());
    options.through_oaktree = options_.through_oaktree;
    options.on_progress = [told = sum_->Of(number), &one](Progress progress) {
      progress.name = one.path;
      return told(progress);
    };
    if (!one.md5.empty()) {
      const auto is_there =
          way_.Use(Left(), [&](Trial& trial, Connection& connection, const v1::Ticket& ticket) {
            return Get(trial, connection, ticket, one, file->sink(), options.on_progress);
          });
      if (!is_there.ok()) return is_there.status();
      if (*is_there) return file->sink().Commit();
    }
    v1::DownloadStorageObjectRequest request;
    request.set_parent(container_);
    request.set_name_or_id(one.name);
    v1::DownloadStorageObjectResponse response;
    // Of what is in segments the list tells no digest; but it may have been noted.
    return Download(*place_, kDownloadObject, *file, request, response, options,
                    [this](absl::Duration timeout) { return way_.Find(timeout); });
  }

  // Fetches one straight from the cloud.
  static Reply Get(Trial& trial, Connection& connection, const v1::Ticket& ticket, const Thing& one,
                   Sink& sink, const OnProgress& told) {
    Reply reply;
    reply.own = sink.Open();
    if (!reply.own.ok()) return reply;
    Digest md5(EVP_md5());
    Progress progress{one.path, 0, one.size};
    reply = GetByTicket(trial, connection, ticket, one.name, {one.md5, 0, one.size},
                        [&](std::string_view chunk) {
                          md5.Add(chunk);
                          progress.sent_bytes += static_cast<int64_t>(chunk.size());
                          if (!told(progress)) return absl::CancelledError("it was cancelled");
                          return sink.Write(chunk);
                        });
    // It may be another object since it was listed; oaktree tells.
    if (reply.own.ok() && !reply.barred && md5.Take() != one.md5) reply.barred = {"it has changed"};
    if (!reply.own.ok() || reply.barred) sink.Abandon();
    return reply;
  }

  const std::shared_ptr<const Place> place_;
  Signed way_;
  const std::string container_;
  const std::string prefix_;
  const Inside inside_;
  const DirectoryOptions& options_;
  const absl::Time deadline_;
  Tally tally_;
  const Ignored ignored_;
  std::vector<Thing> things_;
  std::optional<Sum> sum_;
};

}  // namespace
}  // namespace internal

absl::StatusOr<DirectoryResult> DownloadDirectory(const Scope& scope, const std::string& container,
                                                  const std::string& prefix,
                                                  const std::string& directory,
                                                  const DirectoryOptions& options) {
  auto inside = internal::Inside::Of(directory, !options.dry_run);
  if (!inside.ok()) return inside.status();
  return internal::DirectoryDownload(scope.place(), container, prefix, *std::move(inside), options)
      .Run();
}

}  // namespace oaktree
