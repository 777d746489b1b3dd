#ifndef OAKTREE_FIELDS_H_
#define OAKTREE_FIELDS_H_

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

// The result: field 1 of a response.
const FieldDescriptor* ResultOf(const Message& response);

}  // namespace oaktree::internal

#endif  // OAKTREE_FIELDS_H_
