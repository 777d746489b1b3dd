#ifndef OAKTREE_OAKTREE_H_
#define OAKTREE_OAKTREE_H_

// Everything. A program that counts the seconds of its build takes oaktree/client.h, and
// oaktree/v1/<resource>.h for each resource that it uses.
#include "oaktree/call_options.h"
#include "oaktree/client.h"
#include "oaktree/cloud.gen.h"
#include "oaktree/credentials.h"
#include "oaktree/directory.h"
#include "oaktree/error.h"
#include "oaktree/mirror.h"
#include "oaktree/source.h"
#include "oaktree/stream.h"
#include "oaktree/target.h"
#include "oaktree/transfer_options.h"
#include "oaktree/watch.h"

#endif  // OAKTREE_OAKTREE_H_
