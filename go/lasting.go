package oaktree

import (
	"context"
	"errors"
	"iter"
	"math/rand/v2"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// Bounds of a pause before a call is made again. gRPC's own pauses between attempts to connect come
// on top. Variables for tests.
var (
	shortest = 250 * time.Millisecond
	longest  = 10 * time.Second
)

// losses counts how often in a row a wait or a watch has lost its server.
type losses struct {
	begun    time.Time
	count    int
	heard    bool
	wasHeard bool
}

func (l *losses) begin() {
	l.begun, l.heard = time.Now(), false
}

// hear notes that the server has said something: the address is right, and the call is one it can
// do.
func (l *losses) hear() {
	l.heard, l.wasHeard = true, true
}

// pause counts a loss and says how long to wait.
func (l *losses) pause() time.Duration {
	l.count++
	// A server that is lost again and again is given more and more time.
	if time.Since(l.begun) > longest {
		l.count = 1
	}
	most := min(longest, shortest<<min(l.count+1, 10))
	// At random, so that not all who lost it come back at once.
	return shortest + rand.N(most-shortest+1)
}

// lasting is each for a call that outlives its connection: a wait or a watch. Both change nothing,
// and begin by saying what there is now, so that making them again is safe. Once an outage, lost is
// told of it.
func lasting[Q proto.Message, A any](ctx context.Context, at *place, open opener[Q, A], asked Q, opts []grpc.CallOption, told func(*A) bool, lost func(*Error) bool) (bool, error) {
	var l losses
	shown := &lastShown{}
	opts = append(opts[:len(opts):len(opts)], shown)
	for {
		l.begin()
		left, err := each(ctx, at, open, asked, opts, func(response *A) bool {
			l.hear()
			return told(response)
		})
		// Its token's life ended, and not the server's.
		shown.isFinal = false
		if l.heard && reasonOf(err) == unauthenticated {
			if _, err = at.tokens.instead(ctx, shown.token, err); err != nil {
				err = fromCall(err, at.endpoint, "")
			}
			shown.isFinal = err == nil
		}
		var failed *Error
		if !shown.isFinal {
			if !l.wasHeard || !errors.Is(err, ErrUnavailable) || !errors.As(err, &failed) {
				return left, err
			}
			if l.heard && !lost(failed) {
				return true, nil
			}
		}
		if l.count == 0 {
			opts = append(opts, grpc.WaitForReady(true))
		}
		pause := l.pause()
		if shown.isFinal && l.count == 1 {
			continue
		}
		timer := time.NewTimer(pause)
		// What ended the context or the client is for the next call to say.
		select {
		case <-timer.C:
		case <-ctx.Done():
		case <-at.open.Done():
		}
		timer.Stop()
	}
}

// states yields each state that a wait sees.
func states[Q proto.Message, A any, T proto.Message](ctx context.Context, at *place, open opener[Q, A], request Q, state func(*A) T, opts []grpc.CallOption) iter.Seq2[T, error] {
	asked, refused := prepare(at, request)
	return func(yield func(T, error) bool) {
		var seen T
		err, some := refused, false
		if err == nil {
			// What is changed below is this range's own.
			asked := proto.CloneOf(asked)
			var left bool
			left, err = lasting(ctx, at, open, asked, opts, func(response *A) bool {
				now := state(response)
				// A server that is back tells the state again.
				if some && proto.Equal(now, seen) {
					return true
				}
				seen, some = now, true
				stayWith(asked, now)
				return yield(now, nil)
			}, func(*Error) bool { return true })
			if left {
				return
			}
			if err == nil && !some {
				err = fault("the server ended the wait without telling a state")
			}
		}
		if err != nil {
			yield(*new(T), err)
		}
	}
}

// last is the last of several states, or the error in its place.
func last[T any](states iter.Seq2[T, error]) (T, error) {
	var seen T
	for state, err := range states {
		if err != nil {
			return state, err
		}
		seen = state
	}
	return seen, nil
}

// stayWith asks for this very thing from now on: another may have taken its name meanwhile.
func stayWith(asked proto.Message, thing proto.Message) {
	if known, ok := thing.(interface{ GetId() string }); ok && known.GetId() != "" {
		message := asked.ProtoReflect()
		name := message.Descriptor().Fields().ByName("name_or_id")
		message.Set(name, protoreflect.ValueOfString(known.GetId()))
	}
}

// watch yields what happens in a watch.
func watch[Q proto.Message, A any, T Watchable](ctx context.Context, at *place, open opener[Q, A], request Q, items func(*A) []T, opts []grpc.CallOption) iter.Seq2[Event[T], error] {
	asked, refused := prepare(at, request)
	return func(yield func(Event[T], error) bool) {
		err := refused
		if err == nil {
			told := newEvents[T](asked)
			var left bool
			left, err = lasting(ctx, at, open, asked, opts, func(response *A) bool {
				for _, event := range told.of(any(response).(watchResponse), items(response)) {
					if !yield(event, nil) {
						return false
					}
				}
				return true
			}, func(err *Error) bool { return yield(told.lost(err), nil) })
			if left {
				return
			}
			if err == nil {
				err = fault("the server ended the watch, which has no end")
			}
		}
		yield(Event[T]{}, err)
	}
}
