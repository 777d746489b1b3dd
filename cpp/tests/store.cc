#include "store.h"

#include <algorithm>
#include <set>

#include "transfers.h"

namespace oaktree::testing {
namespace {

std::string EtagOf(const Store::Object& object) {
  return object.is_segmented ? "of segments" : Md5(object.bytes);
}

std::string SegmentName(const std::string& object, int index) {
  return "segments/" + object + "/" + std::to_string(index);
}

void Describe(const std::string& name, const Store::Object& object, v1::StorageObject& shown) {
  shown.set_id(name);
  shown.set_name(name);
  shown.set_size_bytes(static_cast<int64_t>(object.bytes.size()));
  shown.set_etag(EtagOf(object));
  shown.set_is_segmented(object.is_segmented);
}

}  // namespace

Store::Store(Fake& fake, const Cloud* cloud) : fake_(fake), cloud_(cloud) {
  const auto answers = [this](const std::string& rpc, auto make, size_t hears = 1) {
    Answer answer;
    answer.hears = hears;
    answer.makes = [this, make](const Call& call) {
      const std::lock_guard lock(mutex_);
      return make(call);
    };
    fake_.Set(rpc, {answer});
  };
  answers("PlanStorageObjectUploads", [this](const Call& call) {
    return Plan(call.Request<v1::PlanStorageObjectUploadsRequest>());
  });
  answers(
      "UploadStorageObject", [this](const Call& call) { return Upload(call); }, SIZE_MAX);
  answers("CommitStorageObject", [this](const Call& call) {
    return Commit(call.Request<v1::CommitStorageObjectRequest>());
  });
  answers("DownloadStorageObject", [this](const Call& call) {
    return Download(call.Request<v1::DownloadStorageObjectRequest>());
  });
  answers("ListStorageObjects",
          [this](const Call& call) { return List(call.Request<v1::ListStorageObjectsRequest>()); });
  answers("DeleteManyStorageObjects", [this](const Call& call) {
    return Delete(call.Request<v1::DeleteManyStorageObjectsRequest>());
  });
  if (cloud_ != nullptr) {
    answers("SignStorageObjects", [this](const Call& call) {
      return Sign(call.Request<v1::SignStorageObjectsRequest>());
    });
  }
  answers("GetStorageObject", [this](const Call& call) {
    const auto name = call.Request<v1::GetStorageObjectRequest>().name_or_id();
    v1::GetStorageObjectResponse response;
    Describe(name, objects.at(name), *response.mutable_storage_object());
    return Says(response);
  });
}

v1::UploadStep Store::Step(const v1::UploadEntry& entry, const std::string& name, size_t segment) {
  v1::UploadStep step;
  step.set_path(entry.path());
  step.set_name(name);
  step.set_action(v1::UPLOAD_ACTION_SEND);
  const auto size = static_cast<size_t>(entry.size_bytes());
  const auto there = objects.find(name);
  const bool is_like = there != objects.end() && there->second.bytes.size() == size;
  if (size > segment) {
    step.set_upload_id("u");
    const auto& left = segments[name];
    for (size_t at = 0; at < size; at += segment) {
      auto& one = *step.add_segments();
      one.set_index(step.segments_size() - 1);
      one.set_name(SegmentName(name, one.index()));
      one.set_offset_bytes(static_cast<int64_t>(at));
      one.set_size_bytes(static_cast<int64_t>(std::min(segment, size - at)));
      const auto found = left.find(one.index());
      one.set_is_done(found != left.end() && one.index() < entry.segment_md5s_size() &&
                      entry.segment_md5s(one.index()) == Md5(found->second));
    }
    const bool is_asked = entry.segment_md5s().empty();
    if ((is_like || !left.empty()) && is_asked) step.set_action(v1::UPLOAD_ACTION_NEED_CHECKSUM);
    if (!is_like || is_asked) return step;
    bool is_same = true;
    for (const auto& one : step.segments()) {
      is_same &= entry.segment_md5s(one.index()) ==
                 Md5(there->second.bytes.substr(static_cast<size_t>(one.offset_bytes()), segment));
    }
    if (is_same) step.set_action(v1::UPLOAD_ACTION_SKIP);
  } else if (is_like && entry.md5().empty()) {
    step.set_action(v1::UPLOAD_ACTION_NEED_CHECKSUM);
  } else if (is_like && entry.md5() == Md5(there->second.bytes)) {
    step.set_action(v1::UPLOAD_ACTION_SKIP);
  }
  return step;
}

Answer Store::Plan(const v1::PlanStorageObjectUploadsRequest& request) {
  const auto segment = static_cast<size_t>(request.segment_size_bytes());
  v1::PlanStorageObjectUploadsResponse response;
  std::set<std::string> paths;
  std::string last = request.after();
  for (const auto& entry : request.entries()) {
    paths.insert(entry.path());
    last = entry.path();
    *response.add_steps() =
        Step(entry, request.prefix() + entry.path(), segment > 0 ? segment : segment_size);
  }
  for (const auto& [name, object] : objects) {
    if (!request.finds_extra() || name.rfind(request.prefix(), 0) != 0) continue;
    const std::string path = name.substr(request.prefix().size());
    if (path <= request.after() && !request.after().empty()) continue;
    if ((path > last && !request.is_last()) || paths.count(path) > 0) continue;
    auto& step = *response.add_steps();
    step.set_path(path);
    step.set_name(name);
    step.set_action(v1::UPLOAD_ACTION_DELETE);
  }
  return Says(response);
}

Answer Store::Upload(const Call& call) {
  using Request = v1::UploadStorageObjectRequest;
  const auto first = call.Request<Request>();
  const auto bytes = Received<Request>(call);
  if (const auto found = refused.find(first.name()); found != refused.end()) {
    return Breaks(found->second);
  }
  if (Last<Request>(call).finish().sha256() != Sha256(bytes)) {
    return Breaks(End(absl::StatusCode::kDataLoss, "BYTES_DIFFER", "differ"));
  }
  v1::UploadStorageObjectResponse response;
  if (first.has_segment()) {
    segments[first.name()][first.segment().index()] = bytes;
    response.mutable_storage_object()->set_etag(Md5(bytes));
  } else {
    objects[first.name()] = {bytes, false, first};
    Describe(first.name(), objects[first.name()], *response.mutable_storage_object());
  }
  return Says(response);
}

Answer Store::Commit(const v1::CommitStorageObjectRequest& request) {
  std::string bytes;
  auto& parts = segments[request.name()];
  for (int index = 0; index < request.segments_size(); ++index) {
    if (auto sent = Straight(SegmentName(request.name(), index))) parts[index] = *std::move(sent);
    const auto found = parts.find(index);
    if (found == parts.end() || request.segments(index).md5() != Md5(found->second)) {
      return Breaks(End(absl::StatusCode::kFailedPrecondition, "CONFLICT", "no such segment"));
    }
    bytes += found->second;
  }
  if (request.sha256() != Sha256(bytes)) {
    return Breaks(End(absl::StatusCode::kDataLoss, "BYTES_DIFFER", "differ"));
  }
  objects[request.name()] = {bytes, true, {}};
  segments.erase(request.name());
  v1::CommitStorageObjectResponse response;
  Describe(request.name(), objects[request.name()], *response.mutable_storage_object());
  return Says(response);
}

Answer Store::Download(const v1::DownloadStorageObjectRequest& request) {
  const auto& object = objects.at(request.name_or_id());
  v1::DownloadStorageObjectResponse first, chunk, last;
  Describe(request.name_or_id(), object, *first.mutable_storage_object());
  first.mutable_content()->set_size_bytes(static_cast<int64_t>(object.bytes.size()));
  first.mutable_content()->set_etag(EtagOf(object));
  if (!object.is_segmented) first.mutable_content()->set_md5(EtagOf(object));
  chunk.set_chunk(object.bytes);
  last.mutable_finish()->set_sha256(Sha256(object.bytes));
  return Says(first, chunk, last);
}

Answer Store::List(const v1::ListStorageObjectsRequest& request) {
  v1::ListStorageObjectsResponse response;
  for (const auto& [name, object] : objects) {
    if (name.rfind(request.prefix(), 0) == 0) {
      Describe(name, object, *response.add_storage_objects());
    }
  }
  return Says(response);
}

Answer Store::Sign(const v1::SignStorageObjectsRequest& request) {
  v1::SignStorageObjectsResponse response;
  auto& ticket = *response.mutable_ticket();
  ticket = request.is_upload() ? cloud_->PutTo("/c/") : cloud_->GetFrom("/c/");
  ticket.set_prefix(request.prefix());
  ticket.set_url_end("?sig=" + std::to_string(++signed_));
  return Says(response);
}

std::optional<std::string> Store::Straight(const std::string& name) const {
  if (cloud_ == nullptr) return std::nullopt;
  for (const auto& [path, bytes] : cloud_->kept()) {
    if (path.rfind("/c/" + name + "?", 0) == 0) return bytes;
  }
  return std::nullopt;
}

Answer Store::Delete(const v1::DeleteManyStorageObjectsRequest& request) {
  v1::DeleteManyStorageObjectsResponse response;
  for (const auto& name : request.names()) {
    objects.erase(name);
    response.add_storage_objects()->set_name(name);
  }
  return Says(response);
}

}  // namespace oaktree::testing
