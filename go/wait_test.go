package oaktree_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	oaktree "opendev.org/openstack/oaktree/go"
	pb "opendev.org/openstack/oaktree/go/oaktreemodel/v1"
)

func state(state pb.State) *pb.WaitServerResponse {
	return &pb.WaitServerResponse{Server: &pb.Server{Id: "1", Name: "web", State: state}}
}

var (
	pending = state(pb.State_STATE_PENDING)
	ready   = state(pb.State_STATE_READY)
	byName  = &pb.WaitServerRequest{NameOrId: "web"}
)

// waited waits, and gives the states that were seen and the error.
func waited(ctx context.Context, servers oaktree.Servers) (string, error) {
	var seen []string
	var last error
	for server, err := range servers.WaitStates(ctx, byName) {
		if last = err; err == nil {
			seen = append(seen, strings.TrimPrefix(server.GetState().String(), "STATE_"))
		}
	}
	return strings.Join(seen, " "), last
}

func TestWaitReturnsTheLastState(t *testing.T) {
	ctx, f, client := start(t)
	f.answer("WaitServer", reply(pending, state(pb.State_STATE_CHANGING), ready))
	got, err := client.Servers.Wait(ctx, byName)
	fine(t, err)
	same(t, got, ready.GetServer())
	call := f.onlyCall("WaitServer")
	same(t, call.request.(*pb.WaitServerRequest), byName)
	same(t, call.left, 0)
	seen, err := waited(ctx, client.Servers)
	fine(t, err)
	same(t, seen, "PENDING CHANGING READY")
}

func TestWaitForWhatFails(t *testing.T) {
	ctx, f, client := start(t)
	f.answer("WaitServer", breaks(refusal(codes.FailedPrecondition, "RESOURCE_FAILED", "no valid host"), pending))
	got, err := client.Servers.Wait(ctx, byName)
	var failed *oaktree.Error
	if !errors.As(err, &failed) || !errors.Is(err, oaktree.ErrFailed) || got != nil {
		t.Fatal(got, err)
	}
	same(t, failed.Reason, "RESOURCE_FAILED")
}

func TestWaitWithoutAStateIsAFault(t *testing.T) {
	ctx, f, client := start(t)
	f.answer("WaitServer", reply())
	_, err := client.Servers.Wait(ctx, byName)
	if !errors.Is(err, oaktree.ErrInternal) {
		t.Fatal(err)
	}
}

func TestWaitGoesOn(t *testing.T) {
	ctx, f, client := start(t)
	again := breaks(away, pending)
	f.answer("WaitServer", again, again, breaks(away), reply(pending, ready))
	seen, err := waited(ctx, client.Servers)
	fine(t, err)
	same(t, seen, "PENDING READY")
}

func TestWaitGoesOnForTheSameThing(t *testing.T) {
	ctx, f, client := start(t)
	f.answer("WaitServer", breaks(away, pending), reply(ready))
	asked := &pb.WaitServerRequest{NameOrId: "web", Until: pb.State_STATE_DELETED}
	_, err := client.Cloud("one").Servers.Wait(ctx, asked)
	fine(t, err)
	calls := f.calls("WaitServer")
	first, second := calls[0].request.(*pb.WaitServerRequest), calls[1].request.(*pb.WaitServerRequest)
	same(t, first.GetNameOrId(), "web")
	same(t, second.GetNameOrId(), "1")
	second.NameOrId = "web"
	same(t, first, second)
	same(t, asked, &pb.WaitServerRequest{NameOrId: "web", Until: pb.State_STATE_DELETED})
}

func TestEachWaitBeginsByName(t *testing.T) {
	ctx, f, client := start(t)
	f.answer("WaitServer", reply(ready))
	states := client.Servers.WaitStates(ctx, byName)
	for range 2 {
		for _, err := range states {
			fine(t, err)
		}
	}
	for _, call := range f.calls("WaitServer") {
		same(t, call.request.(*pb.WaitServerRequest), byName)
	}
}

func TestWaitOutlivesTheServer(t *testing.T) {
	ctx, first, client := start(t)
	first.answer("WaitServer", endless(pending))
	var last *pb.Server
	for server, err := range client.Servers.WaitStates(ctx, byName) {
		fine(t, err)
		if last = server; proto.Equal(server, pending.GetServer()) {
			first.server.Stop()
			second := fakeAt(t, first.addr)
			second.answer("WaitServer", reply(ready))
		}
	}
	same(t, last, ready.GetServer())
}

func TestWaitThatFailsAfterAll(t *testing.T) {
	ctx, f, client := start(t)
	f.answer("WaitServer", breaks(away, pending), breaks(refusal(codes.NotFound, "NOT_FOUND", "gone")))
	_, err := client.Servers.Wait(ctx, byName)
	if !errors.Is(err, oaktree.ErrNotFound) {
		t.Fatal(err)
	}
}

func TestWaitGivesUpWhereThereNeverWasAServer(t *testing.T) {
	ctx, f, client := start(t)
	f.answer("WaitServer", breaks(away))
	_, err := client.Servers.Wait(ctx, byName)
	if !errors.Is(err, oaktree.ErrUnavailable) {
		t.Fatal(err)
	}
	same(t, len(f.calls("WaitServer")), 4)
}

func TestWaitEndsAtItsDeadline(t *testing.T) {
	ctx, f, client := start(t)
	f.answer("WaitServer", breaks(away, pending))
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	_, err := client.Servers.Wait(ctx, byName)
	if !errors.Is(err, oaktree.ErrDeadlineExceeded) {
		t.Fatal(err)
	}
	if calls := len(f.calls("WaitServer")); calls < 2 {
		t.Fatalf("%d calls", calls)
	}
}

func TestLeavingAWaitCancelsIt(t *testing.T) {
	ctx, f, client := start(t)
	f.answer("WaitServer", endless(pending))
	for _, err := range client.Servers.WaitStates(ctx, byName) {
		fine(t, err)
		break
	}
	ends(t, f.onlyCall("WaitServer"))
}

func TestPausesGrowAtRandomAndAreBounded(t *testing.T) {
	least, most := oaktree.Pauses()
	firsts := map[time.Duration]bool{}
	var longest time.Duration
	for range 200 {
		var losses oaktree.Losses
		for i := range 16 {
			pause := losses.Lose(0)
			if pause < least || pause > most {
				t.Fatal(pause)
			}
			if i == 0 {
				firsts[pause] = true
				if pause > 4*least {
					t.Fatal(pause)
				}
			}
			longest = max(longest, pause)
		}
	}
	if len(firsts) < 100 || longest < most/2 {
		t.Fatal(len(firsts), longest)
	}
}

func TestServerThatWasThereForLongIsAskedAgainSoon(t *testing.T) {
	least, most := oaktree.Pauses()
	var losses oaktree.Losses
	for range 12 {
		losses.Lose(0)
	}
	if pause := losses.Lose(most + time.Second); pause > 4*least {
		t.Fatal(pause)
	}
}
