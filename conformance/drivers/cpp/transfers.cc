// What of the commands is about bytes that move.

#include <fstream>
#include <memory>
#include <stdexcept>

#include "calls.h"

namespace driver {

oaktree::TransferOptions Job::transfer_options() const {
  oaktree::TransferOptions made;
  static_cast<oaktree::CallOptions&>(made) = options();
  made.on_progress = Follow();
  if (Get("segment_size").has_number_value()) {
    made.segment_size_bytes = static_cast<int64_t>(Get("segment_size").number_value());
  }
  return made;
}

oaktree::OnProgress Job::Follow() const {
  if (!Get("progress").bool_value()) return {};
  const auto most = static_cast<int>(Get("take").number_value());
  return [this, most, told = 0](const oaktree::Progress& progress) mutable {
    Tell("item", Show(progress));
    if (++told == most) *is_left_ = true;
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

}  // namespace driver
