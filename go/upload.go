package oaktree

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	pb "opendev.org/openstack/oaktree/go/oaktreemodel/v1"
)

// sender is a stub's method that takes a stream and answers with one.
type sender[Q, A any] = func(context.Context, ...grpc.CallOption) (grpc.BidiStreamingClient[Q, A], error)

// uploadRequest is a request whose message is Q: the first message of an upload, or any other.
type uploadRequest[Q any] interface {
	*Q
	proto.Message
	GetContent() *pb.UploadContent
	GetFinish() *pb.UploadFinish
}

// upload sends all that a source has.
func upload[Q, A any, P uploadRequest[Q], T any](ctx context.Context, at *place, open sender[Q, A], source Source, request P, result func(*A) T, opts []grpc.CallOption) (T, error) {
	from, err := source.open(ctx)
	if err != nil {
		return *new(T), err
	}
	told := meterOf(opts, subject(request), from.size).part("")
	given, err := send(ctx, at, open, from, request, result, told, opts)
	// An error of closing what was only read says nothing of what was sent.
	_ = from.close()
	return given, err
}

// send is upload for a source that is open.
func send[Q, A any, P uploadRequest[Q], T any](ctx context.Context, at *place, open sender[Q, A], from *content, request P, result func(*A) T, told func(int64), opts []grpc.CallOption) (T, error) {
	var none T
	ctx, leave := at.whileOpen(ctx)
	defer leave()
	asked, err := prepare(at, request)
	if err == nil {
		err = promise(asked, from.size)
	}
	var sums func() digests
	if err == nil {
		sums, err = foretell(ctx, at, asked, from)
	}
	if err != nil {
		return none, err
	}
	fresh := identify(ctx, asked)
	again := &repeats{at: at}
	u := &uploading[Q, A, P]{
		at: at, open: open, from: from, request: asked, again: again,
		opts: append(opts[:len(opts):len(opts)], &again.shown),
		told: told, sums: sums,
	}
	if goesStraight(opts) && from.size >= directBytes {
		u.acceptsTicket = set(asked, "accepts_ticket", protoreflect.ValueOfBool(true))
	}
	// Only the first can be known to be new to the server.
	for attempt := fresh; ; attempt = ctx {
		again.begin()
		answer, err := u.attempt(attempt)
		if err == nil {
			u.told(from.size)
			return result(answer), nil
		}
		if from.isBegun && !from.isRepeatable {
			return none, err
		}
		if err := again.wait(ctx, err); err != nil {
			return none, err
		}
	}
}

// promise says how many bytes will come, and checks what the request says of them.
func promise(asked interface {
	proto.Message
	GetContent() *pb.UploadContent
}, size int64) error {
	content := proto.CloneOf(asked.GetContent())
	if content == nil {
		content = &pb.UploadContent{}
	}
	if content.SizeBytes != nil && content.GetSizeBytes() != size {
		return fmt.Errorf("%w: content.size_bytes says %d, and the source has %d", ErrSourceChanged, content.GetSizeBytes(), size)
	}
	content.SizeBytes, content.PromisesMd5 = &size, true
	set(asked, "content", protoreflect.ValueOfMessage(content.ProtoReflect()))
	return nil
}

// uploading is one upload, however often it is begun.
type uploading[Q, A any, P uploadRequest[Q]] struct {
	at      *place
	open    sender[Q, A]
	opts    []grpc.CallOption
	from    *content
	request P
	told    func(int64)
	// For what an attempt sends.
	sums  func() digests
	again *repeats
	// Whether a ticket was asked for.
	acceptsTicket bool
}

// answers are what the server says to one attempt, until done is closed.
type answers[A any] struct {
	// Closed when anything has been said, or all.
	begun chan struct{}
	// In the place of which bytes go straight to the cloud; nil where they do not.
	ticket *pb.Ticket
	// Closed when all has been said, also by an error.
	done chan struct{}
	last *A
	err  error
}

// attempt makes the upload once.
func (u *uploading[Q, A, P]) attempt(ctx context.Context) (*A, error) {
	ctx, cancel := context.WithCancel(ctx)
	stream, err := u.open(ctx, u.opts...)
	if err != nil {
		cancel()
		return nil, fromCall(err, u.at.endpoint, requestID(u.request))
	}
	told := &answers[A]{begun: make(chan struct{}), done: make(chan struct{})}
	// What the server has ended is not to be sent on.
	sending, stop := context.WithCancel(ctx)
	go func() {
		defer stop()
		u.receive(stream, told)
	}()
	err = u.send(sending, stream, told)
	if err != nil && !errors.Is(err, io.EOF) {
		// Nothing of it is to stay.
		cancel()
		<-told.done
		return nil, err
	}
	<-told.done
	cancel()
	switch {
	case told.err != nil:
		return nil, fromCall(told.err, u.at.endpoint, requestID(u.request))
	case told.last == nil:
		return nil, fault("the server ended the upload without telling what came of it")
	}
	return told.last, nil
}

// receive hears what the server says, to its end.
func (u *uploading[Q, A, P]) receive(stream grpc.BidiStreamingClient[Q, A], told *answers[A]) {
	defer close(told.done)
	isBegun := false
	begin := func() {
		if !isBegun {
			isBegun = true
			close(told.begun)
		}
	}
	defer begin()
	for {
		response, err := stream.Recv()
		if err != nil {
			if !errors.Is(err, io.EOF) {
				told.err = err
			}
			return
		}
		if !isBegun {
			told.ticket = ticketOf(response)
			begin()
		}
		if progress := any(response).(interface{ GetProgress() *pb.UploadProgress }).GetProgress(); progress != nil {
			u.told(progress.GetSentBytes())
			continue
		}
		told.last = response
	}
}

// ticketOf is the ticket that a response holds, if it can hold one.
func ticketOf(response any) *pb.Ticket {
	if may, ok := response.(interface{ GetTicket() *pb.Ticket }); ok {
		return may.GetTicket()
	}
	return nil
}

// send sends all there is. The error is io.EOF where the server has ended the stream, and says why.
func (u *uploading[Q, A, P]) send(ctx context.Context, stream grpc.BidiStreamingClient[Q, A], told *answers[A]) error {
	from, err := u.from.from(0)
	if err != nil {
		return err
	}
	sums, left := u.sums(), u.from.size
	next := P(proto.CloneOf(u.request))
	for isFirst := true; ; isFirst = false {
		chunk := make([]byte, min(left, chunkBytes))
		if err := u.from.fill(from, chunk); err != nil {
			return err
		}
		_, _ = sums.Write(chunk)
		set(next, "chunk", protoreflect.ValueOfBytes(chunk))
		if left -= int64(len(chunk)); left == 0 {
			if err := u.check(sums); err != nil {
				return err
			}
			if isFirst {
				// Of what is in one message all is known beforehand.
				sums.foretell(next.GetContent())
			}
			return u.end(stream, next, sums.finish())
		}
		if err := u.put(stream, next); err != nil {
			return err
		}
		next = new(Q)
		if !isFirst || !u.acceptsTicket {
			continue
		}
		// The server says what it wants before it waits for more.
		<-told.begun
		if told.ticket == nil {
			continue
		}
		finish, err := u.sendStraight(ctx, told.ticket, chunk, from)
		if err != nil {
			return err
		}
		if finish != nil {
			return u.end(stream, next, finish)
		}
		if from, err = u.from.from(int64(len(chunk))); err != nil {
			return err
		}
	}
}

// check says what is wrong with what has been read. It is the last block that makes a cloud keep the
// rest, so this comes before it.
func (u *uploading[Q, A, P]) check(sums digests) error {
	if err := u.from.unchanged(); err != nil {
		return err
	}
	return sums.check(u.request.GetContent())
}

// sendStraight sends all straight to the cloud: the first chunk and the rest. There is no finish
// where that cannot be: then the bytes are to go through oaktree.
func (u *uploading[Q, A, P]) sendStraight(ctx context.Context, ticket *pb.Ticket, first []byte, rest io.Reader) (*pb.UploadFinish, error) {
	sums := u.sums()
	body := newBody(u.from, io.MultiReader(bytes.NewReader(first), rest), u.from.size, sums, func() error { return u.check(sums) }, u.told)
	_, err := u.at.put(ctx, ticket, u.again.shown.token, "", nil, body)
	var barred *barred
	switch {
	case err == nil:
		return sums.finish(), nil
	case !errors.As(err, &barred):
		return nil, err
	case ctx.Err() != nil:
		return nil, io.EOF
	case body.sent > 0 && !u.from.isRepeatable:
		return nil, barred.told(requestID(u.request))
	}
	return nil, nil
}

func (u *uploading[Q, A, P]) put(stream grpc.BidiStreamingClient[Q, A], message P) error {
	err := stream.Send(message)
	if err != nil && !errors.Is(err, io.EOF) {
		return fromCall(err, u.at.endpoint, requestID(u.request))
	}
	return err
}

// end sends the last message.
func (u *uploading[Q, A, P]) end(stream grpc.BidiStreamingClient[Q, A], message P, finish *pb.UploadFinish) error {
	set(message, "finish", protoreflect.ValueOfMessage(finish.ProtoReflect()))
	if err := u.put(stream, message); err != nil {
		return err
	}
	// What it fails by, the server's answer says.
	_ = stream.CloseSend()
	return nil
}
