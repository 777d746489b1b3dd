package oaktree

import (
	"context"
	"errors"
	"io"
	"iter"
	"net/http"
	"time"

	"github.com/google/uuid"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	pb "opendev.org/openstack/oaktree/go/oaktreemodel/v1"
)

// place is where a scope's calls go, and on which connection.
type place struct {
	conn *grpc.ClientConn
	// Done once the client is closed.
	open     context.Context
	endpoint endpoint
	tokens   *tokens
	location *pb.Location
	// What asks clouds, where bytes go past oaktree.
	web *http.Client
	// Why nothing can be asked here.
	refused error
}

// whileOpen is a context that also ends with the client, for what goes by other connections than its
// own.
func (p *place) whileOpen(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(p.open, cancel)
	return ctx, func() {
		stop()
		cancel()
	}
}

// opener is a stub's method that answers with a stream.
type opener[Q proto.Message, A any] = func(context.Context, Q, ...grpc.CallOption) (grpc.ServerStreamingClient[A], error)

// prepare copies a request and fills in the place.
func prepare[Q proto.Message](at *place, request Q) (Q, error) {
	if at.refused != nil {
		return request, at.refused
	}
	// A request that is nil cannot be copied.
	asked := request.ProtoReflect().New()
	proto.Merge(asked.Interface(), request)
	if where := asked.Descriptor().Fields().ByName("location"); proto.Size(at.location) > 0 {
		if proto.Size(asked.Get(where).Message().Interface()) > 0 {
			return request, refusal("the request has a location, and so has the scope; give one")
		}
		asked.Set(where, protoreflect.ValueOfMessage(at.location.ProtoReflect()))
	}
	return asked.Interface().(Q), nil
}

// identify gives a change the request id that it lacks, and tells the server that it is new: who
// gives an id himself may be repeating himself, and the server then looks for what was made before.
func identify(ctx context.Context, asked proto.Message) context.Context {
	message := asked.ProtoReflect()
	id := message.Descriptor().Fields().ByName("request_id")
	if id == nil || requestID(asked) != "" {
		return ctx
	}
	message.Set(id, protoreflect.ValueOfString(uuid.NewString()))
	return metadata.AppendToOutgoingContext(ctx, "oaktree-request-id", "new")
}

// requestID is the id of the change that a request asks for; empty for a read.
func requestID(request proto.Message) string {
	if change, ok := request.(interface{ GetRequestId() string }); ok {
		return change.GetRequestId()
	}
	return ""
}

// unary makes a call that answers at once. What it answers is returned beside a *PartialFailure.
func unary[Q proto.Message, A any](ctx context.Context, at *place, method func(context.Context, Q, ...grpc.CallOption) (A, error), request Q, limit time.Duration, opts []grpc.CallOption) (A, error) {
	asked, err := prepare(at, request)
	if err != nil {
		return *new(A), err
	}
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, limit)
		defer cancel()
	}
	response, err := method(identify(ctx, asked), asked, opts...)
	if err != nil {
		return response, fromCall(err, at.endpoint, requestID(asked))
	}
	failed := newFailures(opts, requestID(asked))
	failed.add(response)
	return response, failed.err()
}

// each hands over every response of a stream until it ends, or until told has enough. It says
// whether told had enough.
func each[Q proto.Message, A any](ctx context.Context, at *place, open opener[Q, A], asked Q, opts []grpc.CallOption, told func(*A) bool) (bool, error) {
	ctx, cancel := context.WithCancel(ctx)
	// The server sees it, also when the caller leaves its loop.
	defer cancel()
	stream, err := open(ctx, asked, opts...)
	for err == nil {
		var response *A
		if response, err = stream.Recv(); err == nil && !told(response) {
			return true, nil
		}
	}
	if errors.Is(err, io.EOF) {
		return false, nil
	}
	return false, fromCall(err, at.endpoint, requestID(asked))
}

// list yields the items of a stream's batches, one by one.
func list[Q proto.Message, A, T any](ctx context.Context, at *place, open opener[Q, A], request Q, items func(*A) []T, opts []grpc.CallOption) iter.Seq2[T, error] {
	asked, refused := prepare(at, request)
	return func(yield func(T, error) bool) {
		err := refused
		if err == nil {
			var left bool
			failed := newFailures(opts, "")
			left, err = each(ctx, at, open, asked, opts, func(response *A) bool {
				failed.add(response)
				for _, item := range items(response) {
					if !yield(item, nil) {
						return false
					}
				}
				return true
			})
			if left {
				return
			}
			if err == nil {
				err = failed.err()
			}
		}
		if err != nil {
			yield(*new(T), err)
		}
	}
}
