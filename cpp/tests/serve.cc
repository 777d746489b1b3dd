// Answers the README's first example: says where, and serves until its input ends.
#include <iostream>
#include <limits>

#include "fake.h"
#include "oaktreemodel/v1/image.pb.h"

int main() {
  using namespace oaktree::testing;
  v1::ListImagesResponse images;
  images.add_images()->set_name("cirros");
  v1::CreateServerResponse created;
  created.mutable_server()->set_id("1");
  v1::WaitServerResponse ready = State(v1::STATE_READY);
  ready.mutable_server()->set_interface_ip("192.0.2.1");
  Fake fake;
  fake.Set("ListImages", {Says(images)});
  fake.Set("CreateServer", {Says(created)});
  fake.Set("WaitServer", {Says(ready)});
  fake.Set("DeleteServer", {Says(v1::DeleteServerResponse())});
  std::cout << fake.address() << std::endl;
  std::cin.ignore(std::numeric_limits<std::streamsize>::max());
  return 0;
}
