// Makes the calls that the conformance suite asks for, through liboaktreemodel alone.

#include <oaktree/client.h>
#include <oaktreemodel/v1/location.pb.h>

#include <iostream>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "calls.h"

namespace driver {
namespace {

std::mutex output;

}  // namespace

const Json& Job::Get(const std::string& name) const {
  static const Json none;
  const auto& fields = command_.struct_value().fields();
  const auto found = fields.find(name);
  return found == fields.end() ? none : found->second;
}

void Job::Tell(const std::string& kind, const Json& what) const {
  // Null, where nothing is said.
  Json told = what;
  if (told.kind_case() == Json::KIND_NOT_SET) told.set_null_value({});
  const std::string line = Text(Object({{"id", Get("id")}, {kind, told}}));
  const std::lock_guard lock(output);
  std::cout << line << std::endl;
}

oaktree::CallOptions Job::options() const {
  oaktree::CallOptions options;
  if (Get("timeout").has_number_value()) {
    options.timeout = absl::Seconds(Get("timeout").number_value());
  }
  if (Get("failures").bool_value()) {
    options.on_failure = [this](const absl::Status& status) { Tell("failure", ShowError(status)); };
  }
  return options;
}

namespace {

oaktree::Client Connect(const Json& to) {
  const auto text = [&to](const std::string& name) {
    const auto& fields = to.struct_value().fields();
    const auto found = fields.find(name);
    return found == fields.end() ? std::string() : found->second.string_value();
  };
  oaktree::Credentials who;
  who.token = text("token");
  who.client_id = text("client_id");
  who.client_secret = text("client_secret");
  who.file = text("credentials");
  who.cloud = text("cloud");
  who.ca = text("ca");
  return oaktree::Client(text("address"), who);
}

// Why every call of a client is refused; OK if none is.
absl::Status Refusal(const oaktree::Client& client) {
  if (client.channel() != nullptr) return absl::OkStatus();
  grpc::ClientContext context;
  return client.Authorize(context);
}

oaktree::Scope Where(const oaktree::Client& client, const Job& job) {
  if (job.Get("cloud").has_string_value()) return client.cloud(job.Get("cloud").string_value());
  if (!job.Get("at").has_struct_value()) return client;
  oaktreemodel::v1::Location location;
  const auto read = google::protobuf::util::JsonStringToMessage(Text(job.Get("at")), &location);
  if (!read.ok()) throw std::invalid_argument(read.ToString());
  return client.at(location);
}

void Make(const oaktree::Client& client, const Job& job) {
  static const std::map<std::string, Call> directories = {
      {"upload_directory", UploadDirectory}, {"download_directory", DownloadDirectory}};
  const bool is_of_one = job.Get("collection").has_string_value();
  const auto name = (is_of_one ? job.Get("collection").string_value() + "." : "") +
                    job.Get("method").string_value() +
                    (job.Get("states").bool_value() ? "_states" : "");
  try {
    (is_of_one ? Calls() : directories).at(name)(Where(client, job), job);
  } catch (const std::exception& error) {
    job.Tell("broken", Show(name + ": " + error.what()));
  }
}

}  // namespace
}  // namespace driver

int main() {
  std::optional<oaktree::Client> client;
  for (std::string line; std::getline(std::cin, line);) {
    driver::Json command;
    if (!google::protobuf::util::JsonStringToMessage(line, &command).ok()) return 1;
    driver::Job job(std::move(command));
    if (const auto& to = job.Get("connect"); to.has_struct_value()) {
      client.emplace(driver::Connect(to));
      if (const auto refusal = driver::Refusal(*client); refusal.ok()) {
        job.Finish(absl::OkStatus());
      } else {
        job.Tell("refused", driver::Show(std::string(refusal.message())));
      }
    } else if (job.Get("close").bool_value()) {
      client->Close();
      job.Finish(absl::OkStatus());
    } else {
      std::thread([client, job = std::move(job)] { driver::Make(*client, job); }).detach();
    }
  }
  std::_Exit(0);
}
