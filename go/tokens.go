package oaktree

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	pb "opendev.org/openstack/oaktree/go/oaktreemodel/v1"
)

// How long a new token may take, whoever waits for it.
const fetchLimit = time.Minute

// A token is what calls show, as gRPC's credentials of a call. It is kept behind a pointer wherever
// it goes, so that nothing that is printed has it inside.
type token struct {
	value    string
	headers  map[string]string
	isSecure bool
	// From when on to fetch another, and when it ends. Zero: never.
	due, end time.Time
	// Why it is none, if it is.
	hint string
}

// newToken makes what calls show; an empty value is no token.
func (i *identity) newToken(value string) *token {
	headers := map[string]string{}
	if value != "" {
		headers["authorization"] = "Bearer " + value
	}
	if i.cloud != "" {
		headers["oaktree-cloud"] = i.cloud
	}
	return &token{value: value, headers: headers, isSecure: i.where.isSecure}
}

// GetRequestMetadata is for gRPC.
func (t *token) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return t.headers, nil
}

// RequireTransportSecurity is for gRPC: what TLS was promised for goes by nothing else, whatever dial
// options say.
func (t *token) RequireTransportSecurity() bool {
	return t.isSecure
}

// with adds what is shown to a call's options. The caller's own win.
func (t *token) with(opts []grpc.CallOption) []grpc.CallOption {
	if len(t.headers) == 0 {
		return opts
	}
	return append([]grpc.CallOption{grpc.PerRPCCredentials(t)}, opts...)
}

// tokens are those of a client, one after the other.
type tokens struct {
	where endpoint
	// Nil before the first.
	newest atomic.Pointer[token]
	// Gets a new one. Nil where there is only one.
	fetch func(context.Context) (*token, error)

	mu sync.Mutex
	// What is on its way. Nil if nothing is.
	flight *flight
}

// A flight is a fetch that any number of callers wait for.
type flight struct {
	done  chan struct{}
	token *token
	err   error
}

// start says where tokens come from.
func (t *tokens) start(who *identity, conn grpc.ClientConnInterface) {
	switch {
	case who.token == "" && who.id != "":
		t.fetch = who.exchange(conn)
	case who.token == "" && who.where.isLocal:
		t.fetch = who.fromTokenFile
	default:
		only := who.newToken(who.token)
		if who.token == "" {
			only.hint = who.hint
		}
		t.newest.Store(only)
	}
}

// get is the token for a call. The error has a gRPC status.
func (t *tokens) get(ctx context.Context) (*token, error) {
	now := t.newest.Load()
	if now != nil && (now.due.IsZero() || time.Now().Before(now.due)) {
		return now, nil
	}
	fresh, awaited := t.renew(now)
	if fresh == nil && now != nil && time.Now().Before(now.end) {
		return now, nil
	}
	return awaited.wait(ctx, fresh)
}

// renew is a token other than the one that was used: the newest, if that is another, else what one
// fetch gets for all who wait for it. What is fetched may be the same once more.
func (t *tokens) renew(used *token) (*token, *flight) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if newest := t.newest.Load(); newest != nil && (used == nil || newest.value != used.value) {
		return newest, nil
	}
	if t.flight == nil {
		t.flight = &flight{done: make(chan struct{})}
		// By itself: who began it may be cancelled while others wait.
		go t.fly(t.flight)
	}
	return nil, t.flight
}

// wait gives what a flight brings, if it has to be awaited.
func (f *flight) wait(ctx context.Context, fresh *token) (*token, error) {
	if f == nil {
		return fresh, nil
	}
	select {
	case <-f.done:
		return f.token, f.err
	case <-ctx.Done():
		return nil, status.FromContextError(ctx.Err()).Err()
	}
}

func (t *tokens) fly(f *flight) {
	defer close(f.done)
	ctx, cancel := context.WithTimeout(context.Background(), fetchLimit)
	defer cancel()
	f.token, f.err = t.fetch(ctx)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.flight = nil
	now := t.newest.Load()
	switch {
	case f.err == nil:
		t.newest.Store(f.token)
	case now == nil:
	case reasonOf(f.err) == credentialsRefused:
		// The next call is to say so.
		t.newest.Store(nil)
	default:
		// The old one will do for now, and a server in trouble is not asked by every call.
		later := *now
		later.due = time.Now().Add(max(time.Until(now.end)/2, time.Second))
		t.newest.Store(&later)
	}
}

// instead is the token to make a call with once more that failed. The error is the call's, or why there
// is no other token.
func (t *tokens) instead(ctx context.Context, used *token, err error) (*token, error) {
	if t.fetch == nil || reasonOf(err) != unauthenticated {
		return nil, err
	}
	t.forget(used)
	fresh, awaited := t.renew(used)
	fresh, failed := awaited.wait(ctx, fresh)
	if failed != nil {
		return nil, failed
	}
	if fresh.value == used.value {
		return nil, err
	}
	return fresh, nil
}

// forget keeps a token that was refused from being shown again, also if there will be no other.
func (t *tokens) forget(used *token) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if newest := t.newest.Load(); newest != nil && newest.value == used.value {
		t.newest.Store(nil)
	}
}

// exchange fetches tokens for an application credential.
func (i *identity) exchange(conn grpc.ClientConnInterface) func(context.Context) (*token, error) {
	stub := pb.NewAuthServiceClient(conn)
	return func(ctx context.Context) (*token, error) {
		request := &pb.CreateTokenRequest{ClientId: i.id, ClientSecret: i.secret}
		if i.cloud != "" {
			request.Location = &pb.Location{Cloud: i.cloud}
		}
		response, err := stub.CreateToken(ctx, request)
		if err != nil {
			return nil, err
		}
		value := response.GetAccessToken().GetValue()
		if !isSendable(value) {
			return nil, status.Error(codes.Internal, "the server gave a token that cannot be sent")
		}
		made := i.newToken(value)
		life := time.Duration(response.GetExpiresInSeconds()) * time.Second
		made.end = time.Now().Add(life)
		made.due = made.end.Add(-min(time.Minute, life/2))
		return made, nil
	}
}
