// Does what `make bench` measures the C++ client by: with liboaktreemodel, and with the bare stubs
// that it holds. `clients list-client|list-stub ADDRESS` answers each line of standard input, of
// seconds that a list may be old, with what the list cost: how many servers, seconds of processor
// time, seconds.

#include <grpcpp/grpcpp.h>
#include <oaktree/client.h>
#include <oaktree/v1/server.h>
#include <oaktreemodel/v1/server.grpc.pb.h>
#include <sys/resource.h>

#include <chrono>
#include <functional>
#include <iostream>
#include <memory>
#include <stdexcept>
#include <string>

namespace {

using oaktreemodel::v1::ListServersRequest;
using oaktreemodel::v1::ListServersResponse;
using oaktreemodel::v1::Location;
using oaktreemodel::v1::ServerService;

// Lists every server, and says how many have a name.
using Lister = std::function<int(const ListServersRequest&)>;

Location East() {
  Location east;
  east.set_cloud("modern");
  east.set_region("east");
  return east;
}

Lister ListClient(const std::string& address) {
  const oaktree::Client client(address);
  return [servers = client.at(East()).servers()](const ListServersRequest& request) {
    int count = 0;
    for (const auto& server : servers.List(request)) {
      if (!server.ok()) throw std::runtime_error(server.status().ToString());
      count += !server->name().empty();
    }
    return count;
  };
}

Lister ListStub(const std::string& address) {
  std::shared_ptr<ServerService::Stub> stub =
      ServerService::NewStub(grpc::CreateChannel(address, grpc::InsecureChannelCredentials()));
  return [stub](ListServersRequest request) {
    *request.mutable_location() = East();
    grpc::ClientContext context;
    const auto reader = stub->ListServers(&context, request);
    ListServersResponse response;
    int count = 0;
    while (reader->Read(&response)) {
      for (const auto& server : response.servers()) count += !server.name().empty();
    }
    const grpc::Status status = reader->Finish();
    if (!status.ok()) throw std::runtime_error(status.error_message());
    return count;
  };
}

// What this process has used so far, in user and system mode.
double CpuSeconds() {
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
  };
  return seconds(used.ru_utime) + seconds(used.ru_stime);
}

void Answer(const Lister& list) {
  std::cout << "ready" << std::endl;
  for (std::string line; std::getline(std::cin, line);) {
    ListServersRequest request;
    request.mutable_max_age()->set_seconds(std::stoi(line));
    const auto began = std::chrono::steady_clock::now();
    const double used = CpuSeconds();
    const int count = list(request);
    const double cpu = CpuSeconds() - used;
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
    std::cout << count << " " << cpu << " " << took.count() << std::endl;
  }
}

}  // namespace

int main(int argc, char** argv) {
  const std::string what = argc == 3 ? argv[1] : "";
  if (what == "list-client") {
    Answer(ListClient(argv[2]));
  } else if (what == "list-stub") {
    Answer(ListStub(argv[2]));
  } else {
    std::cerr << "usage: clients list-client|list-stub ADDRESS\n";
    return 2;
  }
}
