#include "oaktree/fields.h"

#include <utility>

namespace oaktree::internal {

std::string Text(const Message& message, const char* name) {
  const auto* field = message.GetDescriptor()->FindFieldByName(name);
  return field == nullptr ? std::string() : message.GetReflection()->GetString(message, field);
}

bool SetFlag(Message& message, const char* name) {
  const auto* field = message.GetDescriptor()->FindFieldByName(name);
  if (field == nullptr) return false;
  message.GetReflection()->SetBool(&message, field, true);
  return true;
}

bool SetText(Message& message, const char* name, std::string text) {
  const auto* field = message.GetDescriptor()->FindFieldByName(name);
  if (field == nullptr) return false;
  message.GetReflection()->SetString(&message, field, std::move(text));
  return true;
}

bool Has(const Message& message, const char* name) {
  const auto* field = message.GetDescriptor()->FindFieldByName(name);
  return field != nullptr && message.GetReflection()->HasField(message, field);
}

void Clear(Message& message, const char* name) {
  const auto* field = message.GetDescriptor()->FindFieldByName(name);
  if (field != nullptr) message.GetReflection()->ClearField(&message, field);
}

const FieldDescriptor* ResultOf(const Message& response) {
  return response.GetDescriptor()->FindFieldByNumber(1);
}

}  // namespace oaktree::internal
