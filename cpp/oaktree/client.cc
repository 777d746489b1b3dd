#include "oaktree/client.h"

#include <grpcpp/create_channel.h>

#include <utility>

#include "oaktree/address.h"
#include "oaktree/place.h"
#include "oaktree/service_config.h"

namespace oaktree {
namespace {

using internal::Place;

grpc::ChannelArguments Arguments(const internal::Endpoint& where,
                                 const grpc::ChannelArguments& given) {
  grpc::ChannelArguments arguments = given;
  // Of an argument given twice gRPC takes the first.
  arguments.SetUserAgentPrefix("oaktreemodel-cpp/" OAKTREE_VERSION);
  arguments.SetServiceConfigJSON(internal::kServiceConfig);
  // Else a name server could say how calls are sent again.
  arguments.SetInt(GRPC_ARG_SERVICE_CONFIG_DISABLE_RESOLUTION, 1);
  // Batches are small; one message with a long console output or many properties may not be.
  arguments.SetMaxReceiveMessageSize(64 << 20);
  // A stream that waits for minutes is silent, and must notice that its server is gone.
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 60'000);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 20'000);
  // How long to try an address where something listens and says nothing.
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 10'000);
  // Between attempts to connect: who watches wants to know soon that the server is back.
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 10'000);
  // A proxy for the outside world cannot reach this machine's own ports.
  if (where.is_local) arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  return arguments;
}

std::shared_ptr<const Place> Connect(const std::string& address,
                                     std::shared_ptr<grpc::ChannelCredentials> credentials,
                                     const grpc::ChannelArguments& given) {
  auto place = std::make_shared<Place>();
  auto where = internal::ParseAddress(address);
  if (!where.ok()) {
    place->refused = where.status();
    return place;
  }
  if (credentials == nullptr) {
    credentials = where->is_secure ? grpc::SslCredentials(grpc::SslCredentialsOptions())
                                   : grpc::InsecureChannelCredentials();
  }
  place->connection = std::make_shared<internal::Connection>();
  place->connection->channel =
      grpc::CreateCustomChannel(where->target, credentials, Arguments(*where, given));
  place->connection->endpoint = *std::move(where);
  return place;
}

}  // namespace

Client::Client(const std::string& address, std::shared_ptr<grpc::ChannelCredentials> credentials,
               const grpc::ChannelArguments& arguments)
    : Scope(Connect(address, std::move(credentials), arguments)) {}

Scope Client::cloud(const std::string& name, const std::string& region) const {
  auto place = std::make_shared<Place>(*place_);
  place->location.set_cloud(name);
  place->location.set_region(region);
  if (name.empty() && place->refused.ok()) {
    place->refused = absl::InvalidArgumentError(
        "the name of a cloud is empty; use the client itself for all clouds");
  }
  return Scope(std::move(place));
}

Scope Client::at(const oaktreemodel::v1::Location& location) const {
  auto place = std::make_shared<Place>(*place_);
  place->location = location;
  return Scope(std::move(place));
}

void Client::Close() const {
  if (place_->connection != nullptr) place_->connection->running.Close();
}

std::shared_ptr<grpc::Channel> Client::channel() const {
  return place_->connection == nullptr ? nullptr : place_->connection->channel;
}

}  // namespace oaktree
