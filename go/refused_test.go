package oaktree_test

import (
	"context"
	"errors"
	"testing"
	"time"

	oaktree "opendev.org/openstack/oaktree/go"
	pb "opendev.org/openstack/oaktree/go/oaktreemodel/v1"
)

func isRefused(t *testing.T, err error, reason string) {
	t.Helper()
	var failed *oaktree.Error
	if !errors.As(err, &failed) || !errors.Is(err, oaktree.ErrUnauthenticated) || failed.Reason != reason {
		t.Fatal(err)
	}
}

func TestARefusedCallIsSentAgainWithANewToken(t *testing.T) {
	ctx, f, client := robot(t, created("a", 3600), created("b", 3600))
	f.answer("CreateServer", breaks(refused), reply(&pb.CreateServerResponse{Server: web}))
	_, err := client.Servers.Create(ctx, &pb.CreateServerRequest{Name: "web"})
	fine(t, err)
	same(t, shown(f, "CreateServer"), "Bearer a, Bearer b")
	calls := f.calls("CreateServer")
	first := calls[0].request.(*pb.CreateServerRequest)
	same(t, calls[1].request.(*pb.CreateServerRequest), first)
	if first.GetRequestId() == "" {
		t.Fatal("it has no request id")
	}
	for _, call := range calls {
		same(t, call.metadata.Get("oaktree-request-id")[0], "new")
	}
}

func TestEveryCallIsSentAgainForNothingWasDone(t *testing.T) {
	ctx, f, client := robot(t, created("a", 3600), created("b", 3600))
	f.answer("DeleteServer", breaks(refused), reply(&pb.DeleteServerResponse{}))
	fine(t, client.Servers.Delete(ctx, nil))
	same(t, shown(f, "DeleteServer"), "Bearer a, Bearer b")
}

func TestARefusedStreamIsOpenedAgainBeforeTheFirstItem(t *testing.T) {
	ctx, f, client := robot(t, created("a", 3600), created("b", 3600))
	f.answer("ListServers", breaks(refused), reply(batch("x"), batch("y")))
	got, err := names(ctx, client.Servers)
	fine(t, err)
	same(t, got, "x y")
	same(t, shown(f, "ListServers"), "Bearer a, Bearer b")
}

func TestRawStubsAreSentAgainToo(t *testing.T) {
	ctx, f, client := robot(t, created("a", 3600), created("b", 3600))
	f.answer("ListServers", breaks(refused), reply(batch("x")))
	stream, err := pb.NewServerServiceClient(client.Conn()).ListServers(ctx, &pb.ListServersRequest{Location: one})
	fine(t, err)
	got, err := stream.Recv()
	fine(t, err)
	same(t, got, batch("x"))
	for _, call := range f.calls("ListServers") {
		same(t, call.request.(*pb.ListServersRequest).GetLocation(), one)
	}
}

func TestAListThatHasBegunIsNotOpenedAgain(t *testing.T) {
	ctx, f, client := robot(t, created("a", 3600))
	f.answer("ListServers", breaks(refused, batch("x")))
	_, err := names(ctx, client.Servers)
	isRefused(t, err, "UNAUTHENTICATED")
	f.onlyCall("ListServers")
}

func TestACallIsSentAgainOnlyOnce(t *testing.T) {
	ctx, f, client := robot(t, created("a", 3600), created("b", 3600), created("c", 3600))
	f.answer("GetServer", breaks(refused))
	_, err := client.Servers.Get(ctx, nil)
	isRefused(t, err, "UNAUTHENTICATED")
	same(t, shown(f, "GetServer"), "Bearer a, Bearer b")
	f.answer("ListServers", breaks(refused))
	_, err = names(ctx, client.Servers)
	isRefused(t, err, "UNAUTHENTICATED")
	same(t, shown(f, "ListServers"), "Bearer b, Bearer c")
}

func TestOtherReasonsAreNoCauseToRenew(t *testing.T) {
	ctx, f, client := robot(t, created("a", 3600))
	f.answer("GetServer", breaks(unknown))
	_, err := client.Servers.Get(ctx, nil)
	isRefused(t, err, "CREDENTIALS_REFUSED")
	f.onlyCall("GetServer")
	f.onlyCall("CreateToken")
}

func TestARenewalThatIsRefused(t *testing.T) {
	ctx, f, client := robot(t, created("a", 3600), breaks(unknown))
	f.answer("GetServer", breaks(refused))
	for range 2 {
		_, err := client.Servers.Get(ctx, nil)
		isRefused(t, err, "CREDENTIALS_REFUSED")
	}
	// What was refused once is not shown again.
	f.onlyCall("GetServer")
}

func TestARawTokenIsNotSentAgain(t *testing.T) {
	ctx, f := bounded(t), newFake(t)
	client := connect(t, f.addr, oaktree.WithToken("raw"), oaktree.WithCredentialsCloud("one"))
	f.answer("GetServer", breaks(refused))
	_, err := client.Servers.Get(ctx, nil)
	isRefused(t, err, "UNAUTHENTICATED")
	same(t, err.Error(), "the token is none (UNAUTHENTICATED)")
	call := f.onlyCall("GetServer")
	same(t, call.metadata.Get("authorization")[0], "Bearer raw")
	same(t, call.metadata.Get("oaktree-cloud")[0], "one")
	f.answer("WatchServers", breaks(refused, everything(one, "a")...))
	events, err := take(client.Servers.Watch(ctx, nil), 100)
	isRefused(t, err, "UNAUTHENTICATED")
	same(t, short(events), "reset, present a, synced")
	f.onlyCall("WatchServers")
}

func TestAWatchGoesOnWithANewToken(t *testing.T) {
	// At once.
	t.Cleanup(oaktree.SetPauses(time.Hour, time.Hour))
	ctx, f, client := robot(t, created("a", 3600), created("b", 3600))
	f.answer("WatchServers", breaks(refused, everything(one, "a")...), endless(append(everything(one, "b"), news(one, "c"))...))
	events, err := take(client.Servers.Watch(ctx, nil), 7)
	fine(t, err)
	same(t, short(events), "reset, present a, synced, reset, present b, synced, changed c")
	same(t, shown(f, "WatchServers"), "Bearer a, Bearer b")
	same(t, len(f.calls("CreateToken")), 2)
}

func TestAWaitGoesOnWithANewToken(t *testing.T) {
	ctx, f, client := robot(t, created("a", 3600), created("b", 3600))
	f.answer("WaitServer", breaks(refused, pending), reply(ready))
	server, err := client.Servers.Wait(ctx, nil)
	fine(t, err)
	same(t, server.GetState(), pb.State_STATE_READY)
	same(t, shown(f, "WaitServer"), "Bearer a, Bearer b")
}

func TestAWatchEndsIfItsNewTokenIsRefused(t *testing.T) {
	ctx, f, client := robot(t, created("a", 3600), created("b", 3600), created("c", 3600))
	f.answer("WatchServers", breaks(refused, everything(one, "a")...), breaks(refused))
	events, err := take(client.Servers.Watch(ctx, nil), 100)
	isRefused(t, err, "UNAUTHENTICATED")
	same(t, short(events), "reset, present a, synced")
	same(t, shown(f, "WatchServers"), "Bearer a, Bearer b")
}

func TestAWatchWhoseFirstTokenIsRefusedAtOnce(t *testing.T) {
	ctx, f, client := robot(t, created("a", 3600), created("b", 3600), created("c", 3600))
	f.answer("WatchServers", breaks(refused), breaks(refused, reset(one)), endless(reset(one)))
	events, err := take(client.Servers.Watch(ctx, nil), 2)
	fine(t, err)
	same(t, short(events), "reset, reset")
	same(t, shown(f, "WatchServers"), "Bearer a, Bearer b, Bearer c")
}

func TestAWatchOutlivesManyTokens(t *testing.T) {
	ctx, f, client := robot(t, created("a", 3600), created("b", 3600), created("c", 3600), created("d", 3600))
	f.answer("WatchServers", breaks(refused, everything(one, "a")...), breaks(away, reset(one)), breaks(refused, reset(one)), endless(everything(one, "d")...))
	events, err := take(client.Servers.Watch(ctx, nil), 9)
	fine(t, err)
	same(t, short(events), "reset, present a, synced, reset, failed, reset, reset, present d, synced")
	same(t, shown(f, "WatchServers"), "Bearer a, Bearer b, Bearer b, Bearer c")
}

func TestAWatchWhoseTokenCannotBeRenewedForNow(t *testing.T) {
	ctx, f, client := robot(t, created("a", 3600), breaks(away), breaks(away), breaks(away), breaks(away), created("b", 3600))
	f.answer("WatchServers", breaks(refused, everything(one, "a")...), endless(everything(one, "b")...))
	events, err := take(client.Servers.Watch(ctx, nil), 7)
	fine(t, err)
	same(t, short(events), "reset, present a, synced, failed, reset, present b, synced")
	same(t, shown(f, "WatchServers"), "Bearer a, Bearer b")
}

func TestManyRefusedCallersMakeOneToken(t *testing.T) {
	ctx, f, client := robot(t, created("a", 3600), created("b", 3600))
	_, err := client.Servers.Get(ctx, nil)
	fine(t, err)
	gate := make(chan struct{})
	f.answer("WatchServers", answer{until: gate, err: refused})
	const count = 16
	ends := make(chan error, count)
	watch := func(ctx context.Context) {
		_, err := take(client.Servers.Watch(ctx, nil), 1)
		ends <- err
	}
	for range count {
		go watch(ctx)
	}
	for len(f.calls("WatchServers")) < count {
		if ctx.Err() != nil {
			t.Fatal("not all are seen")
		}
	}
	f.answer("WatchServers", endless(reset(one)))
	close(gate)
	for range count {
		fine(t, <-ends)
	}
	same(t, len(f.calls("CreateToken")), 2)
}
