#ifndef OAKTREE_FIELDS_H_
#define OAKTREE_FIELDS_H_

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <string>

// Fields that the API's rules give the same name or number in every message that has them.
namespace oaktree::internal {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

// The string of that name; empty where the message has no such field.
std::string Text(const Message& message, const char* name);

// Sets the string of that name. False where the message has no such field.
bool SetText(Message& message, const char* name, std::string text);

// Sets the bool of that name to true. False where the message has no such field.
bool SetFlag(Message& message, const char* name);

// The message of that name, which must be a T; null where the message has no such field.
template <typename T>
T* Part(Message& message, const char* name) {
  const auto* field = message.GetDescriptor()->FindFieldByName(name);
  if (field == nullptr) return nullptr;
  return static_cast<T*>(message.GetReflection()->MutableMessage(&message, field));
}

// Whether the message has one of that name, and it is set.
bool Has(const Message& message, const char* name);

// Takes it away, if it is there.
void Clear(Message& message, const char* name);

// The result: field 1 of a response.
const FieldDescriptor* ResultOf(const Message& response);

}  // namespace oaktree::internal

#endif  // OAKTREE_FIELDS_H_
