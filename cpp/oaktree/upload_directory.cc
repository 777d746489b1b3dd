#include <absl/strings/str_cat.h>
#include <absl/time/clock.h>

#include <algorithm>
#include <limits>
#include <map>
#include <optional>
#include <utility>

#include "oaktree/content.h"
#include "oaktree/directory.h"
#include "oaktree/ignored.h"
#include "oaktree/lanes.h"
#include "oaktree/put_file.h"
#include "oaktree/scan.h"
#include "oaktree/segments.h"
#include "oaktree/signed.h"
#include "oaktree/source.h"
#include "oaktree/tally.h"
#include "oaktree/v1/scope.h"
#include "oaktree/v1/storage_object.h"

namespace oaktree {
namespace internal {
namespace {

// How many files one plan may be asked of, and about how many bytes a message may have.
constexpr size_t kBatch = 5000;
constexpr size_t kBatchBytes = 640 << 10;
// What an entry takes beside its path, at most.
constexpr size_t kEntryBytes = 64;
// How many names are deleted at a time: each may have a kilobyte.
constexpr size_t kDeleteBatch = 500;
constexpr absl::Duration kDeleteTime = absl::Minutes(10);

class DirectoryUpload {
 public:
  DirectoryUpload(std::shared_ptr<const Place> place, std::string directory, std::string container,
                  const UploadDirectoryOptions& options)
      : place_(std::move(place)),
        objects_(place_),
        way_(place_, {}, container, options.prefix, /*is_upload=*/true),
        directory_(std::move(directory)),
        container_(std::move(container)),
        options_(options),
        deadline_(absl::Now() + options.timeout.value_or(absl::InfiniteDuration())),
        tally_(options.on_step),
        ignored_(options.ignore),
        scan_(directory_, ignored_, options.follow_symlinks, tally_) {
    if (options.through_oaktree) way_.Shut();
  }

  absl::StatusOr<DirectoryResult> Run() {
    absl::Status status = scan_.Run();
    if (!status.ok()) return status;
    const auto& files = scan_.files();
    int64_t total = 0;
    for (const auto& one : files) total += one.size;
    sum_.emplace(options_.on_progress, "", total);
    // Also of no file there is a batch, since there may be objects that no file is of.
    for (size_t first = 0; first == 0 || first < files.size();) {
      size_t end = first;
      for (size_t bytes = 0; end < files.size() && end - first < kBatch; ++end) {
        bytes += files[end].path.size() + kEntryBytes;
        if (bytes > kBatchBytes && end > first) break;
      }
      status = UploadBatch(first, end);
      if (!status.ok()) return status;
      if (end == first) break;
      first = end;
    }
    status = DeleteExtra();
    if (!status.ok()) return status;
    return std::move(tally_.result());
  }

 private:
  struct Task {
    v1::UploadStep step;
    size_t file;
  };

  absl::Duration Left() const { return deadline_ - absl::Now(); }

  static absl::Status Stopped() {
    return absl::CancelledError("the upload was cancelled; what was sent stays");
  }

  v1::PlanStorageObjectUploadsRequest NewPlan() const {
    v1::PlanStorageObjectUploadsRequest plan;
    plan.set_parent(container_);
    plan.set_prefix(options_.prefix);
    plan.set_segment_size_bytes(options_.segment_size_bytes);
    return plan;
  }

  absl::StatusOr<std::vector<v1::UploadStep>> Plan(v1::PlanStorageObjectUploadsRequest plan) const {
    return objects_.PlanUploads(std::move(plan), std::min(kDeleteTime, Left()));
  }

  std::string Whole(const Found& found) const { return absl::StrCat(directory_, "/", found.path); }

  std::shared_ptr<Content> Read(const Found& found) const {
    return FileContent(Whole(found), options_.follow_symlinks);
  }

  // Files first to end - 1.
  absl::Status UploadBatch(size_t first, size_t end) {
    const auto& files = scan_.files();
    auto plan = NewPlan();
    if (first > 0) plan.set_after(files[first - 1].path);
    plan.set_finds_extra(options_.delete_extra);
    plan.set_is_last(end == files.size());
    std::map<std::string, size_t> numbers;
    for (size_t one = first; one < end; ++one) {
      auto& entry = *plan.add_entries();
      entry.set_path(files[one].path);
      entry.set_size_bytes(files[one].size);
      numbers[files[one].path] = one;
    }
    auto steps = Plan(std::move(plan));
    if (!steps.ok()) return steps.status();
    std::vector<Task> tasks, to_compare;
    Sort(*std::move(steps), numbers, tasks, &to_compare);
    absl::Status status = Compare(to_compare, numbers, tasks);
    if (!status.ok()) return status;
    return InLanes(tasks.size(), options_.parallel, [&](size_t one) {
      const Found& found = scan_.files()[tasks[one].file];
      absl::Status done = sum_->is_stopped() ? Stopped() : SendOne(tasks[one]);
      if (done.ok()) return done;
      // What was counted of it did not come about.
      sum_->Of(tasks[one].file)({found.path, 0, std::nullopt});
      done = tally_.Fail(found.path, std::move(done));
      if (!done.ok()) sum_->Stop();
      return done;
    });
  }

  // What is to be sent, and, if they are asked for, what wants a digest first. A large file's are
  // made when it is its turn.
  void Sort(std::vector<v1::UploadStep> steps, const std::map<std::string, size_t>& numbers,
            std::vector<Task>& tasks, std::vector<Task>* to_compare) {
    for (auto& step : steps) {
      if (step.action() == v1::UPLOAD_ACTION_DELETE) {
        extra_.push_back(step.path());
        continue;
      }
      const auto number = numbers.find(step.path());
      if (number == numbers.end()) continue;
      const bool is_compared =
          step.action() == v1::UPLOAD_ACTION_NEED_CHECKSUM && step.segments().empty();
      if (step.action() == v1::UPLOAD_ACTION_SKIP) {
        Skip(step, scan_.files()[number->second].size);
      } else if (is_compared && to_compare != nullptr) {
        to_compare->push_back({std::move(step), number->second});
      } else {
        tasks.push_back({std::move(step), number->second});
      }
    }
  }

  void Skip(const v1::UploadStep& step, int64_t size) {
    sum_->Add(step.path(), size);
    tally_.Do(FileStep::Action::kSkip, step.path(), step.why(), size);
  }

  // Has the plan decide of what is as large as it was.
  absl::Status Compare(const std::vector<Task>& to_compare,
                       const std::map<std::string, size_t>& numbers, std::vector<Task>& tasks) {
    if (to_compare.empty()) return absl::OkStatus();
    std::vector<v1::UploadEntry> entries(to_compare.size());
    absl::Status status = InLanes(to_compare.size(), options_.parallel, [&](size_t one) {
      if (sum_->is_stopped()) return Stopped();
      const Found& found = scan_.files()[to_compare[one].file];
      const auto content = Read(found);
      absl::Status opened = Open(*content, found);
      if (opened.ok()) {
        entries[one].set_size_bytes(found.size);
        opened = AddMd5(*content, to_compare[one].step, entries[one]);
      }
      if (!opened.ok()) return tally_.Fail(found.path, std::move(opened));
      entries[one].set_path(found.path);
      return absl::OkStatus();
    });
    if (!status.ok()) return status;
    auto plan = NewPlan();
    for (auto& one : entries) {
      // Those that failed have none.
      if (!one.path().empty()) *plan.add_entries() = std::move(one);
    }
    if (plan.entries().empty()) return absl::OkStatus();
    auto steps = Plan(std::move(plan));
    if (steps.ok()) Sort(*std::move(steps), numbers, tasks, nullptr);
    return steps.status();
  }

  static absl::Status Open(Content& content, const Found& found) {
    const auto size = content.Open();
    if (!size.ok()) return size.status();
    if (*size == found.size) return absl::OkStatus();
    return absl::AbortedError("it changed since the directory was looked through");
  }

  absl::Status SendOne(const Task& task) {
    const Found& found = scan_.files()[task.file];
    auto content = Read(found);
    if (absl::Status wrong = Open(*content, found); !wrong.ok()) return wrong;
    v1::UploadEntry entry;
    entry.set_path(found.path);
    entry.set_size_bytes(found.size);
    TransferOptions options(Left());
    const auto step = Settle(objects_, *content, NewPlan(), entry, task.step, options);
    if (!step.ok()) return step.status();
    if (step->action() == v1::UPLOAD_ACTION_SKIP) {
      Skip(*step, found.size);
      return absl::OkStatus();
    }
    if (!options_.dry_run) {
      options.on_progress = [told = sum_->Of(task.file), &found](Progress progress) {
        progress.name = found.path;
        return told(progress);
      };
      absl::Status sent = Send(content, found, *step, entry, std::move(options));
      if (!sent.ok()) return sent;
    }
    tally_.Do(FileStep::Action::kSend, found.path, step->why(), found.size);
    return absl::OkStatus();
  }

  absl::Status Send(std::shared_ptr<Content> content, const Found& found,
                    const v1::UploadStep& step, const v1::UploadEntry& entry,
                    TransferOptions options) {
    v1::UploadStorageObjectRequest request;
    request.set_parent(container_);
    request.set_name(step.name());
    NoteChange(*content, request);
    options.through_oaktree = options_.through_oaktree;
    if (!step.segments().empty()) {
      return UploadSegments(place_, *content, request, step, entry, options).status();
    }
    const auto is_there =
        way_.Use(Left(), [&](Trial& trial, Connection& connection, const v1::Ticket& ticket) {
          return PutFile(trial, connection, ticket, request, *content, found.size, options);
        });
    if (!is_there.ok()) return is_there.status();
    if (*is_there) return absl::OkStatus();
    request.mutable_content()->set_size_bytes(found.size);
    // The plan has said that it goes in one piece.
    options.segment_size_bytes = std::numeric_limits<int64_t>::max();
    return objects_.Upload(Source(std::move(content)), request, std::move(options)).status();
  }

  absl::Status DeleteExtra() {
    std::vector<std::string> paths;
    for (const auto& one : extra_) {
      if (!IsLeftOut(one)) paths.push_back(one);
    }
    if (paths.empty()) return absl::OkStatus();
    if (!scan_.is_complete()) {
      // What is behind what could not be read would look as if it were gone.
      return tally_.Fail("", absl::FailedPreconditionError(
                                 "nothing was deleted, since not all of the directory could be "
                                 "read"));
    }
    for (size_t first = 0; first < paths.size(); first += kDeleteBatch) {
      const size_t end = std::min(paths.size(), first + kDeleteBatch);
      std::vector<std::string> gone(paths.begin() + static_cast<std::ptrdiff_t>(first),
                                    paths.begin() + static_cast<std::ptrdiff_t>(end));
      if (!options_.dry_run) {
        auto deleted = Delete(gone);
        if (!deleted.ok()) return deleted.status();
        gone = *std::move(deleted);
      }
      for (const auto& one : gone) {
        tally_.Do(FileStep::Action::kDelete, one, "no file is of this name", 0);
      }
    }
    return absl::OkStatus();
  }

  // The paths of those that were deleted.
  absl::StatusOr<std::vector<std::string>> Delete(const std::vector<std::string>& paths) {
    v1::DeleteManyStorageObjectsRequest request;
    request.set_parent(container_);
    for (const auto& one : paths) request.add_names(options_.prefix + one);
    CallOptions options(std::min(kDeleteTime, Left()));
    absl::Status hopeless;
    options.on_failure = [&](const absl::Status& failure) {
      hopeless.Update(tally_.Fail("", failure));
    };
    const auto deleted = objects_.DeleteMany(request, options);
    if (!deleted.ok()) return deleted.status();
    if (!hopeless.ok()) return hopeless;
    std::vector<std::string> gone;
    for (const auto& one : *deleted) gone.push_back(one.name().substr(options_.prefix.size()));
    return gone;
  }

  // Whether the directory has something of the kind that is not uploaded.
  bool IsLeftOut(const std::string& path) {
    const auto& out = tally_.result().left_out;
    return ignored_.Has(path) || std::any_of(out.begin(), out.end(), [&](const std::string& one) {
             return path == one || path.compare(0, one.size() + 1, one + "/") == 0;
           });
  }

  const std::shared_ptr<const Place> place_;
  const StorageObjects objects_;
  Signed way_;
  const std::string directory_;
  const std::string container_;
  const UploadDirectoryOptions& options_;
  const absl::Time deadline_;
  Tally tally_;
  const Ignored ignored_;
  Scan scan_;
  std::optional<Sum> sum_;
  std::vector<std::string> extra_;
};

}  // namespace
}  // namespace internal

absl::StatusOr<DirectoryResult> UploadDirectory(const Scope& scope, const std::string& directory,
                                                const std::string& container,
                                                const UploadDirectoryOptions& options) {
  return internal::DirectoryUpload(scope.place(), directory, container, options).Run();
}

}  // namespace oaktree
