#include "oaktree/ticket.h"

#include <absl/strings/ascii.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>
#include <absl/strings/str_split.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "oaktree/tokens.h"

namespace oaktree::internal {
namespace {

namespace v1 = oaktreemodel::v1;

// A step of a name as it stands in a URL. One of dots would be folded on the way.
std::string Quote(const std::string& step) {
  if (step == ".") return "%2E";
  if (step == "..") return "%2E%2E";
  std::string quoted;
  for (const char one : step) {
    const auto byte = static_cast<unsigned char>(one);
    if (absl::ascii_isalnum(byte) || std::string_view("-._~").find(one) != std::string_view::npos) {
      quoted += one;
    } else {
      absl::StrAppend(&quoted, "%", absl::Hex(byte, absl::kZeroPad2));
    }
  }
  return quoted;
}

std::string UrlOf(const v1::Ticket& ticket, const std::string& name) {
  // Not by the prefix, which is empty where a ticket is for a whole container.
  if (ticket.url_end().empty()) return ticket.url();
  std::vector<std::string> steps = absl::StrSplit(name, '/');
  for (auto& one : steps) one = Quote(one);
  return absl::StrCat(ticket.url(), absl::StrJoin(steps, "/"), ticket.url_end());
}

bool IsHeader(const std::string& line) {
  return std::none_of(line.begin(), line.end(),
                      [](char one) { return one == '\r' || one == '\n' || one == '\0'; });
}

std::string Header(const std::string& name, const std::string& value) {
  // libcurl takes a header without a value for one that is to be left out.
  return value.empty() ? absl::StrCat(name, ";") : absl::StrCat(name, ": ", value);
}

Reply NotBy(const char* why) {
  Reply reply;
  reply.barred = {why, 0, /*is_shut=*/true};
  return reply;
}

// Makes a request; OK, or why there is none.
Reply Make(Trial& trial, const Connection& connection, const v1::Ticket& ticket,
           const std::string& name, WebRequest& request) {
  request.url = UrlOf(ticket, name);
  const auto where = ReadUrl(request.url);
  if (!where) return NotBy("the ticket has no URL that could be asked");
  const bool is_signed = ticket.auth() == v1::TICKET_AUTH_SIGNED;
  if (!where->is_secure && !where->is_local && (!is_signed || connection.endpoint.is_secure)) {
    return NotBy("the cloud would be asked in the clear");
  }
  request.method = ticket.http_method();
  request.expected_status = ticket.expected_status();
  for (const auto& [key, value] : ticket.headers()) request.headers.push_back(Header(key, value));
  if (ticket.auth() == v1::TICKET_AUTH_CALLER_TOKEN) {
    auto token = trial.Token();
    if (!token.ok()) return {token.status(), {}, ""};
    if (token->empty()) return NotBy("there is no token to show");
    request.headers.push_back(Header("X-Auth-Token", *token));
  }
  if (!IsHeader(request.method) ||
      !std::all_of(request.headers.begin(), request.headers.end(), IsHeader)) {
    return NotBy("the ticket has headers that cannot be sent");
  }
  request.look = [&trial] { return trial.Look(); };
  return {};
}

bool IsWrong(const Reply& reply) { return !reply.own.ok() || reply.barred; }

}  // namespace

Reply PutByTicket(Trial& trial, Connection& connection, const v1::Ticket& ticket,
                  const std::string& name, const std::vector<std::string>& headers, Outgoing& body,
                  const std::function<absl::Status()>& look) {
  WebRequest request;
  request.headers = headers;
  if (Reply wrong = Make(trial, connection, ticket, name, request); IsWrong(wrong)) return wrong;
  if (look) request.look = look;
  return connection.web.Put(request, body);
}

Reply GetByTicket(Trial& trial, Connection& connection, const v1::Ticket& ticket,
                  const std::string& name, const Stretch& of,
                  const std::function<absl::Status(std::string_view)>& take) {
  WebRequest request;
  if (Reply wrong = Make(trial, connection, ticket, name, request); IsWrong(wrong)) return wrong;
  return connection.web.Get(std::move(request), of, take);
}

}  // namespace oaktree::internal
