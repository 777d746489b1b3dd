package oaktree_test

import (
	"context"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	rpcstatus "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/known/anypb"

	oaktree "opendev.org/openstack/oaktree/go"
	pb "opendev.org/openstack/oaktree/go/oaktreemodel/v1"
)

// Far more than anything takes, so that only what hangs is ended.
const bound = 60 * time.Second

// An answer is what a test plays: messages, then an end by an error, or none. One is taken for each
// call, the last one for ever.
type answer struct {
	messages []proto.Message
	err      error
	// Nothing is said before it is closed.
	until chan struct{}
	// Nothing more is said until the call is over.
	endless bool
	// Chooses by the request what to play in the place of all this.
	choose func(proto.Message) answer
	// Answers by itself, in the place of all this, after the first message.
	serve func(grpc.ServerStream, proto.Message) error
}

// call is what the server saw of one.
type call struct {
	request  proto.Message
	metadata metadata.MD
	// Zero where there is no deadline.
	left time.Duration
	// Closed when it is over.
	over chan struct{}
}

// fake is a server that answers as a test tells it to, over a real channel.
type fake struct {
	t      testing.TB
	server *grpc.Server
	addr   string

	mu      sync.Mutex
	answers map[string][]answer
	seen    map[string][]call
}

func newFake(t testing.TB, opts ...grpc.ServerOption) *fake {
	t.Helper()
	return fakeAt(t, "127.0.0.1:0", opts...)
}

func fakeAt(t testing.TB, listen string, opts ...grpc.ServerOption) *fake {
	t.Helper()
	f, stop, err := serve(listen, opts...)
	fine(t, err)
	f.t = t
	t.Cleanup(stop)
	return f
}

// serve starts a fake; what it gives ends it.
func serve(listen string, opts ...grpc.ServerOption) (*fake, func(), error) {
	network, where := "tcp", listen
	if path, isUnix := strings.CutPrefix(listen, "unix:"); isUnix {
		network, where = "unix", path
	}
	listener, err := net.Listen(network, where)
	if err != nil {
		return nil, nil, err
	}
	f := &fake{addr: listener.Addr().String(), answers: map[string][]answer{}, seen: map[string][]call{}}
	f.server = grpc.NewServer(append(opts, grpc.UnknownServiceHandler(f.handle))...)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = f.server.Serve(listener)
	}()
	stop := func() {
		f.server.Stop()
		<-ended
	}
	return f, stop, nil
}

// handle serves every call of every service: the descriptors say what is asked.
func (f *fake) handle(_ any, stream grpc.ServerStream) error {
	path, _ := grpc.MethodFromServerStream(stream)
	name := strings.ReplaceAll(strings.TrimPrefix(path, "/"), "/", ".")
	found, err := protoregistry.GlobalFiles.FindDescriptorByName(protoreflect.FullName(name))
	if err != nil {
		return status.Error(codes.Unimplemented, "Method not found!")
	}
	method := found.(protoreflect.MethodDescriptor)
	kind, err := protoregistry.GlobalTypes.FindMessageByName(method.Input().FullName())
	if err != nil {
		return err
	}
	seen := call{request: kind.New().Interface(), over: make(chan struct{})}
	defer close(seen.over)
	if err := stream.RecvMsg(seen.request); err != nil {
		return err
	}
	seen.metadata, _ = metadata.FromIncomingContext(stream.Context())
	if deadline, ok := stream.Context().Deadline(); ok {
		seen.left = time.Until(deadline)
	}
	play := f.next(string(method.Name()), seen)
	if play.serve != nil {
		return play.serve(stream, seen.request)
	}
	if play.until != nil {
		select {
		case <-play.until:
		case <-stream.Context().Done():
		}
	}
	for _, message := range play.messages {
		if err := stream.SendMsg(message); err != nil {
			return err
		}
	}
	if play.endless {
		<-stream.Context().Done()
		return stream.Context().Err()
	}
	return play.err
}

func (f *fake) next(rpc string, seen call) answer {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.seen[rpc] = append(f.seen[rpc], seen)
	answers := f.answers[rpc]
	if len(answers) == 0 {
		return answer{err: status.Error(codes.Internal, "the test has no answer for "+rpc)}
	}
	if len(answers) > 1 {
		f.answers[rpc] = answers[1:]
	}
	if answers[0].choose != nil {
		return answers[0].choose(seen.request)
	}
	return answers[0]
}

// answer says what the calls of an rpc get, one after the other.
func (f *fake) answer(rpc string, answers ...answer) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.answers[rpc] = answers
}

func (f *fake) calls(rpc string) []call {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.seen[rpc]
}

// onlyCall is the one call of an rpc that there was.
func (f *fake) onlyCall(rpc string) call {
	f.t.Helper()
	calls := f.calls(rpc)
	if len(calls) != 1 {
		f.t.Fatalf("%s was called %d times", rpc, len(calls))
	}
	return calls[0]
}

// connect makes a client that is closed at the end.
func connect(t testing.TB, address string, opts ...oaktree.Option) *oaktree.Client {
	t.Helper()
	client, err := oaktree.Connect(address, opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	return client
}

// start is a fake, a client of it, and a context that ends what hangs. It has no deadline: the
// defaults depend on that.
func start(t testing.TB) (context.Context, *fake, *oaktree.Client) {
	t.Helper()
	f := newFake(t)
	return bounded(t), f, connect(t, f.addr)
}

func bounded(t testing.TB) context.Context {
	ctx, cancel := context.WithCancel(t.Context())
	timer := time.AfterFunc(bound, func() {
		t.Error("hangs")
		cancel()
	})
	t.Cleanup(func() {
		timer.Stop()
		cancel()
	})
	return ctx
}

func reply(messages ...proto.Message) answer {
	return answer{messages: messages}
}

func endless(messages ...proto.Message) answer {
	return answer{messages: messages, endless: true}
}

// breaks is an answer that ends by an error.
func breaks(err error, messages ...proto.Message) answer {
	return answer{messages: messages, err: err}
}

// refusal is an error with the details an oaktree gives.
func refusal(code codes.Code, reason, message string, details ...proto.Message) error {
	return refusalAt("", code, reason, message, details...)
}

func refusalAt(cloud string, code codes.Code, reason, message string, details ...proto.Message) error {
	info := &errdetails.ErrorInfo{Reason: reason, Domain: "oaktree"}
	if cloud != "" {
		info.Metadata = map[string]string{"cloud": cloud}
	}
	said := &rpcstatus.Status{Code: int32(code), Message: message}
	for _, one := range append([]proto.Message{info}, details...) {
		packed, err := anypb.New(one)
		if err != nil {
			panic(err)
		}
		said.Details = append(said.Details, packed)
	}
	return status.ErrorProto(said)
}

func failure(cloud string, err error) *pb.Failure {
	return &pb.Failure{Location: &pb.Location{Cloud: cloud}, Status: status.Convert(err).Proto()}
}

func batch(names ...string) *pb.ListServersResponse {
	made := &pb.ListServersResponse{}
	for _, name := range names {
		made.Servers = append(made.Servers, &pb.Server{Id: name, Name: name})
	}
	return made
}

var (
	away        = refusal(codes.Unavailable, "SHUTTING_DOWN", "shutting down")
	unreachable = refusal(codes.Unavailable, "CLOUD_UNREACHABLE", "no answer")
	absent      = refusal(codes.Unimplemented, "SERVICE_ABSENT", "no such service")
)

// same fails unless two values, or what is in two messages, are equal.
func same[T any](t testing.TB, got, want T) {
	t.Helper()
	one, isMessage := any(got).(proto.Message)
	if isMessage {
		if !proto.Equal(one, any(want).(proto.Message)) {
			t.Fatalf("got %v, want %v", got, want)
		}
	} else if any(got) != any(want) {
		t.Fatalf("got %.300v, want %.300v", got, want)
	}
}

// fine fails if there is an error.
func fine(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// ends fails unless the server sees a call end.
func ends(t testing.TB, seen call) {
	t.Helper()
	select {
	case <-seen.over:
	case <-time.After(bound):
		t.Fatal("the server does not see the call end")
	}
}
