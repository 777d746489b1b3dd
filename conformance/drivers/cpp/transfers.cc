// What of the commands is about bytes that move.

#include <oaktree/directory.h>

#include <fstream>
#include <memory>
#include <stdexcept>

#include "calls.h"

namespace driver {

oaktree::TransferOptions Job::transfer_options() const {
  oaktree::TransferOptions made;
  static_cast<oaktree::CallOptions&>(made) = options();
  made.on_progress = Follow();
  return made;
}

oaktree::OnProgress Job::Follow() const {
  if (!Get("progress").bool_value()) return {};
  const auto enough = static_cast<int64_t>(Get("take").number_value());
  return [this, enough](const oaktree::Progress& progress) {
    Tell("item", Show(progress));
    if (enough > 0 && progress.sent_bytes >= enough) *is_left_ = true;
    return !*is_left_;
  };
}

oaktree::Source Job::source() const {
  const Json& given = Get("source");
  if (given.has_string_value()) return oaktree::FromFile(given.string_value());
  // One of which nothing is known before its end.
  const auto& path = given.struct_value().fields().at("reader").string_value();
  const auto file = std::make_shared<std::ifstream>(path, std::ios::binary);
  if (!*file) throw std::invalid_argument("cannot read " + path);
  return oaktree::FromCallback([file]() -> absl::StatusOr<std::string> {
    std::string piece(10'000, '\0');
    file->read(piece.data(), static_cast<std::streamsize>(piece.size()));
    piece.resize(static_cast<size_t>(file->gcount()));
    return piece;
  });
}

oaktree::Target Job::target() const {
  const Json& given = Get("target");
  if (given.has_string_value()) return oaktree::ToFile(given.string_value());
  const auto& path = given.struct_value().fields().at("writer").string_value();
  const auto file = std::make_shared<std::ofstream>(path, std::ios::binary);
  return oaktree::ToCallback([file](std::string_view bytes) {
    file->write(bytes.data(), static_cast<std::streamsize>(bytes.size())).flush();
    return file->good() ? absl::OkStatus() : absl::DataLossError("the file takes nothing");
  });
}

namespace {

// What a directory's command asks for, by name.
class Wishes {
 public:
  explicit Wishes(const Job& job) : fields_(job.Get("request").struct_value().fields()) {}

  const Json& Get(const std::string& name) const {
    static const Json none;
    const auto found = fields_.find(name);
    return found == fields_.end() ? none : found->second;
  }
  std::string Text(const std::string& name) const { return Get(name).string_value(); }

  // What both ways have in common.
  void Fill(oaktree::DirectoryOptions& options) const {
    options.dry_run = Get("dry_run").bool_value();
    for (const auto& one : Get("ignore").list_value().values()) {
      options.ignore.push_back(one.string_value());
    }
    if (Get("parallel").has_number_value()) {
      options.parallel = static_cast<int>(Get("parallel").number_value());
    }
  }

 private:
  const google::protobuf::Map<std::string, Json>& fields_;
};

template <typename Options>
Options OptionsOf(const Wishes& wishes, const Job& job) {
  Options options;
  const auto moving = job.transfer_options();
  static_cast<oaktree::CallOptions&>(options) = moving;
  options.on_progress = moving.on_progress;
  wishes.Fill(options);
  return options;
}

}  // namespace

void UploadDirectory(const oaktree::Scope& at, const Job& job) {
  const Wishes wishes(job);
  auto options = OptionsOf<oaktree::UploadDirectoryOptions>(wishes, job);
  options.prefix = wishes.Text("prefix");
  options.delete_extra = wishes.Get("delete_extra").bool_value();
  options.follow_symlinks = wishes.Get("follow_symlinks").bool_value();
  options.segment_size_bytes = job.transfer_options().segment_size_bytes;
  job.Finish(
      oaktree::UploadDirectory(at, wishes.Text("directory"), wishes.Text("container"), options));
}

void DownloadDirectory(const oaktree::Scope& at, const Job& job) {
  const Wishes wishes(job);
  job.Finish(oaktree::DownloadDirectory(at, wishes.Text("container"), wishes.Text("prefix"),
                                        wishes.Text("directory"),
                                        OptionsOf<oaktree::DirectoryOptions>(wishes, job)));
}

}  // namespace driver
