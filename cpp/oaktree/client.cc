#include "oaktree/client.h"

#include <absl/status/statusor.h>
#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/time/clock.h>
#include <grpcpp/create_channel.h>

#include <chrono>
#include <utility>

#include "oaktree/address.h"
#include "oaktree/authorization.h"
#include "oaktree/granted_tokens.h"
#include "oaktree/identity.h"
#include "oaktree/place.h"
#include "oaktree/private_file.h"
#include "oaktree/service_config.h"
#include "oaktree/token_file.h"

namespace oaktree {
namespace {

using internal::Identity;
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

// What is spoken to an oaktree, where the caller does not say so himself: also on this machine TLS,
// where the caller says whom to trust.
absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> Speak(internal::Endpoint& where,
                                                                const std::string& ca,
                                                                bool is_ca_given) {
  // One that the environment or a file names says whom to trust, and asks for nothing.
  if (!is_ca_given && !where.is_secure) return grpc::InsecureChannelCredentials();
  grpc::SslCredentialsOptions options;
  if (!ca.empty()) {
    if (absl::StartsWith(where.address, "http://")) {
      return absl::InvalidArgumentError(
          absl::StrCat(where.address, " is without TLS, and ", ca, " of no use; write https://"));
    }
    auto trusted = internal::ReadFile(ca);
    if (!trusted.ok()) return absl::InvalidArgumentError(trusted.status().message());
    options.pem_root_certs = *std::move(trusted);
    where.is_secure = true;
  }
  return grpc::SslCredentials(options);
}

std::unique_ptr<internal::Tokens> TokensOf(Identity identity, internal::Connection& connection) {
  Credentials& who = identity.credentials;
  if (!who.client_id.empty()) {
    oaktreemodel::v1::CreateTokenRequest request;
    if (!who.cloud.empty()) request.mutable_location()->set_cloud(who.cloud);
    request.set_client_id(std::move(who.client_id));
    request.set_client_secret(std::move(who.client_secret));
    return std::make_unique<internal::GrantedTokens>(connection, std::move(request));
  }
  if (who.token.empty() && identity.endpoint.is_local) {
    return std::make_unique<internal::TokenFile>(identity.endpoint.token_file);
  }
  return std::make_unique<internal::FixedToken>(std::move(who.token), std::move(identity.hint));
}

absl::StatusOr<std::shared_ptr<internal::Connection>> Connect(
    const std::string& address, const Credentials& given,
    std::shared_ptr<grpc::ChannelCredentials> spoken, const grpc::ChannelArguments& arguments) {
  auto identity = internal::Identify(address, given);
  if (!identity.ok()) return identity.status();
  internal::Endpoint& where = identity->endpoint;
  const bool is_ours = spoken == nullptr;
  if (is_ours) {
    auto usual = Speak(where, identity->credentials.ca, !given.ca.empty());
    if (!usual.ok()) return usual.status();
    spoken = *std::move(usual);
  }
  const bool is_safe = where.is_local || (is_ours ? where.is_secure : given.is_channel_secure);
  if (internal::IsKnown(identity->credentials) && !is_safe) {
    return absl::InvalidArgumentError(absl::StrCat(
        "credentials are not sent to ", where.address,
        is_ours ? " in the clear, where anyone on the way can read them; write https://"
                : " by a channel that nobody promised to be secure: that is for "
                  "Credentials::is_channel_secure to say"));
  }
  auto connection = std::make_shared<internal::Connection>();
  connection->channel =
      grpc::CreateCustomChannel(where.target, spoken, Arguments(where, arguments));
  connection->endpoint = where;
  connection->cloud = identity->credentials.cloud;
  connection->tokens = TokensOf(*std::move(identity), *connection);
  return connection;
}

std::shared_ptr<const Place> Everywhere(
    absl::StatusOr<std::shared_ptr<internal::Connection>> connection) {
  auto place = std::make_shared<Place>();
  if (connection.ok()) {
    place->connection = *std::move(connection);
  } else {
    place->refused = connection.status();
  }
  return place;
}

}  // namespace

Client::Client(const std::string& address, std::shared_ptr<grpc::ChannelCredentials> credentials,
               const grpc::ChannelArguments& arguments)
    : Client(address, Credentials(), std::move(credentials), arguments) {}

Client::Client(const std::string& address, const Credentials& credentials,
               std::shared_ptr<grpc::ChannelCredentials> channel_credentials,
               const grpc::ChannelArguments& arguments)
    : Scope(Everywhere(Connect(address, credentials, std::move(channel_credentials), arguments))) {}

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

absl::Status Client::Authorize(grpc::ClientContext& context, bool is_again) const {
  if (!place_->refused.ok()) return place_->refused;
  const auto deadline = context.deadline();
  const auto timeout = deadline == std::chrono::system_clock::time_point::max()
                           ? absl::InfiniteDuration()
                           : absl::FromChrono(deadline) - absl::Now();
  internal::Authorization authorization(place_->connection.get(), "");
  return authorization.AddTo(context, timeout, is_again);
}

void Client::Close() const {
  if (place_->connection != nullptr) place_->connection->running.Close();
}

std::shared_ptr<grpc::Channel> Client::channel() const {
  return place_->connection == nullptr ? nullptr : place_->connection->channel;
}

}  // namespace oaktree
