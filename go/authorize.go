package oaktree

import (
	"context"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	pb "opendev.org/openstack/oaktree/go/oaktreemodel/v1"
)

// Reasons of errors of code UNAUTHENTICATED.
const (
	// The token is none, or no longer. Nothing was done, so any call can be sent again.
	unauthenticated = "UNAUTHENTICATED"
	// What tokens are made from is refused: another token would not help.
	credentialsRefused = "CREDENTIALS_REFUSED"
)

const createToken = pb.AuthService_CreateToken_FullMethodName

// reasonOf is the reason of an error of code UNAUTHENTICATED; empty for all others.
func reasonOf(err error) string {
	said := status.Convert(err)
	if said.Code() != codes.Unauthenticated {
		return ""
	}
	return fromStatus(said, "").Reason
}

// dialOptions have every call on a connection show a token, whoever makes it.
func (t *tokens) dialOptions() []grpc.DialOption {
	return []grpc.DialOption{
		grpc.WithChainUnaryInterceptor(t.unary),
		grpc.WithChainStreamInterceptor(t.stream),
	}
}

// isOpen tells whether a call needs no token.
func isOpen(method string) bool {
	return method == createToken || strings.HasPrefix(method, "/grpc.health.v1.Health/")
}

func (t *tokens) unary(ctx context.Context, method string, request, reply any, conn *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
	if isOpen(method) {
		if method == createToken && !t.where.isSecure && !t.where.isLocal {
			return status.Error(codes.InvalidArgument, inTheClear(t.where))
		}
		return invoke(ctx, method, request, reply, conn, opts...)
	}
	used, err := t.get(ctx)
	if err != nil {
		return err
	}
	err = invoke(ctx, method, request, reply, conn, used.with(opts)...)
	if err == nil {
		return nil
	}
	fresh, err := t.instead(ctx, used, err)
	if err != nil {
		return hinted(err, used)
	}
	return invoke(ctx, method, request, reply, conn, fresh.with(opts)...)
}

func (t *tokens) stream(ctx context.Context, desc *grpc.StreamDesc, conn *grpc.ClientConn, method string, open grpc.Streamer, opts ...grpc.CallOption) (grpc.ClientStream, error) {
	if isOpen(method) {
		return open(ctx, desc, conn, method, opts...)
	}
	used, err := t.get(ctx)
	if err != nil {
		return nil, err
	}
	show := func(shown *token) (grpc.ClientStream, error) {
		return open(ctx, desc, conn, method, shown.with(opts)...)
	}
	begun, err := show(used)
	if err != nil {
		return begun, err
	}
	made := &replies{ClientStream: begun, ctx: ctx, tokens: t, used: used, show: show}
	for _, opt := range opts {
		if last, ok := opt.(*lastShown); ok {
			made.last = last
			last.token = used
		}
	}
	// What a client sends more of than a request cannot be sent again.
	if desc.ClientStreams {
		return begun, nil
	}
	return made, nil
}

// replies are a stream of answers to one request, which is made again if its token is refused before
// there was any.
type replies struct {
	grpc.ClientStream
	// The caller's, which outlives the first stream's.
	ctx     context.Context
	tokens  *tokens
	used    *token
	show    func(*token) (grpc.ClientStream, error)
	last    *lastShown
	request any
	begun   bool
}

func (a *replies) SendMsg(request any) error {
	a.request = request
	return a.ClientStream.SendMsg(request)
}

func (a *replies) RecvMsg(reply any) error {
	err := a.ClientStream.RecvMsg(reply)
	if a.begun || err == nil {
		a.begun = true
		return err
	}
	a.begun = true
	if a.last != nil && a.last.isFinal {
		return hinted(err, a.used)
	}
	fresh, err := a.tokens.instead(a.ctx, a.used, err)
	if err != nil {
		return hinted(err, a.used)
	}
	if a.last != nil {
		a.last.token = fresh
	}
	again, err := a.show(fresh)
	if err != nil {
		return err
	}
	a.ClientStream = again
	if err := again.SendMsg(a.request); err != nil {
		return err
	}
	if err := again.CloseSend(); err != nil {
		return err
	}
	return again.RecvMsg(reply)
}

// hinted adds to the error of a call that showed nothing where a token was looked for.
func hinted(err error, used *token) error {
	if used.hint == "" || reasonOf(err) != unauthenticated {
		return err
	}
	said := status.Convert(err).Proto()
	said.Message += "; " + used.hint
	return status.ErrorProto(said)
}

// lastShown is an option of a stream, which notes the token that it shows: who goes on after a
// refusal in the middle must know which one was refused.
type lastShown struct {
	grpc.EmptyCallOption
	token *token
	// A refusal is to be told: this token is a new one already.
	isFinal bool
}
