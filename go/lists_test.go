package oaktree_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	oaktree "opendev.org/openstack/oaktree/go"
	pb "opendev.org/openstack/oaktree/go/oaktreemodel/v1"
)

// names ranges over a list of servers: their names, and the error at the end.
func names(ctx context.Context, servers oaktree.Servers, opts ...func(*pb.ListServersRequest)) (string, error) {
	request := &pb.ListServersRequest{}
	for _, opt := range opts {
		opt(request)
	}
	var got []string
	var last error
	for server, err := range servers.List(ctx, request) {
		if last = err; err == nil {
			got = append(got, server.GetName())
		}
	}
	return strings.Join(got, " "), last
}

func TestBatchesAreFlattened(t *testing.T) {
	ctx, f, client := start(t)
	f.answer("ListServers", reply(batch("a", "b"), batch(), batch("c")))
	got, err := names(ctx, client.Servers)
	fine(t, err)
	same(t, got, "a b c")
	same(t, f.onlyCall("ListServers").left, 0)
}

func TestClientListsEverywhereAndACloudInOne(t *testing.T) {
	ctx, f, client := start(t)
	f.answer("ListServers", reply(batch("a")))
	there := &pb.Location{Cloud: "one", Region: "r"}
	_, err := names(ctx, client.Servers)
	fine(t, err)
	_, err = names(ctx, client.At(there).Servers)
	fine(t, err)
	calls := f.calls("ListServers")
	if calls[0].request.(*pb.ListServersRequest).Location != nil {
		t.Fatal(calls[0].request)
	}
	same(t, calls[1].request.(*pb.ListServersRequest).GetLocation(), there)
}

func TestEachRangeIsACall(t *testing.T) {
	ctx, f, client := start(t)
	f.answer("ListServers", reply(batch("a")), reply(batch("b")))
	list := client.Servers.List(ctx, nil)
	same(t, len(f.calls("ListServers")), 0)
	for _, want := range []string{"a", "b"} {
		for server, err := range list {
			fine(t, err)
			same(t, server.GetName(), want)
		}
	}
}

func TestDeadlineOfAList(t *testing.T) {
	ctx, f, client := start(t)
	f.answer("ListServers", endless(batch("a", "b")))
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	got, err := names(ctx, client.Servers)
	same(t, got, "a b")
	if !errors.Is(err, oaktree.ErrDeadlineExceeded) {
		t.Fatal(err)
	}
}

func TestListThatBreaksOff(t *testing.T) {
	ctx, f, client := start(t)
	f.answer("ListServers", breaks(away, batch("a")))
	got, err := names(ctx, client.Servers)
	same(t, got, "a")
	if !errors.Is(err, oaktree.ErrUnavailable) {
		t.Fatal(err)
	}
	f.onlyCall("ListServers")
}

func TestServerThatDiesInTheMiddle(t *testing.T) {
	ctx, f, client := start(t)
	f.answer("ListServers", endless(batch("a")))
	var last error
	for _, err := range client.Servers.List(ctx, nil) {
		if last = err; err == nil {
			f.server.Stop()
		}
	}
	if !errors.Is(last, oaktree.ErrUnavailable) && !errors.Is(last, oaktree.ErrCancelled) {
		t.Fatal(last)
	}
}

func TestFailuresComeAfterTheLastItem(t *testing.T) {
	ctx, f, client := start(t)
	first := batch("a")
	first.Failures = []*pb.Failure{failure("down", unreachable), failure("bare", absent)}
	f.answer("ListServers", reply(first, batch("b")))
	got, err := names(ctx, client.Servers)
	same(t, got, "a b")
	var partial *oaktree.PartialFailure
	if !errors.As(err, &partial) {
		t.Fatal(err)
	}
	same(t, len(partial.Failures), 1)
	if !errors.Is(partial.Failures[0], oaktree.ErrUnavailable) || errors.Is(err, oaktree.ErrUnavailable) {
		t.Fatal(err)
	}
	same(t, err.Error(), "no answer (CLOUD_UNREACHABLE, in down)")
}

func TestFailuresGoToTheCallbackInstead(t *testing.T) {
	ctx, f, client := start(t)
	both := batch("a")
	both.Failures = []*pb.Failure{failure("down", unreachable), failure("bare", absent)}
	f.answer("ListServers", reply(both))
	var told []string
	tell := oaktree.OnFailure(func(err *oaktree.Error) { told = append(told, err.Cloud) })
	for server, err := range client.Servers.List(ctx, nil, tell) {
		fine(t, err)
		same(t, server.GetName(), "a")
	}
	same(t, strings.Join(told, " "), "down")
}

func TestServiceThatIsAbsentIsNoFailure(t *testing.T) {
	ctx, f, client := start(t)
	f.answer("ListServers", reply(&pb.ListServersResponse{Failures: []*pb.Failure{failure("bare", absent)}}))
	got, err := names(ctx, client.Servers)
	fine(t, err)
	same(t, got, "")
}

func TestLeavingALoopCancelsTheCall(t *testing.T) {
	ctx, f, client := start(t)
	f.answer("ListServers", endless(batch("a", "b")))
	for server, err := range client.Servers.List(ctx, nil) {
		fine(t, err)
		same(t, server.GetName(), "a")
		break
	}
	ends(t, f.onlyCall("ListServers"))
}

func TestPanicInALoopCancelsTheCall(t *testing.T) {
	ctx, f, client := start(t)
	f.answer("ListServers", endless(batch("a")))
	func() {
		defer func() { _ = recover() }()
		for range client.Servers.List(ctx, nil) {
			panic("in the loop")
		}
	}()
	ends(t, f.onlyCall("ListServers"))
}
