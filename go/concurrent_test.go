package oaktree_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"go.uber.org/goleak"

	oaktree "opendev.org/openstack/oaktree/go"
	pb "opendev.org/openstack/oaktree/go/oaktreemodel/v1"
)

func TestOneClientForMany(t *testing.T) {
	ctx, f, client := start(t)
	f.answer("ListServers", reply(batch("a"), batch("b")))
	f.answer("CreateServer", reply(&pb.CreateServerResponse{Server: web}))
	f.answer("WaitServer", reply(pending, ready))
	f.answer("WatchServers", endless(everything(one, "a")...))
	// Shared on purpose: the race detector sees it if a call writes to its request.
	create := &pb.CreateServerRequest{Name: "web"}
	cloud := client.Cloud("one")
	watch := cloud.Servers.Watch(ctx, nil)
	states := cloud.Servers.WaitStates(ctx, byName)
	errs := make(chan error, 1000)
	var group sync.WaitGroup
	for range 64 {
		group.Go(func() {
			_, err := cloud.Servers.Create(ctx, create)
			errs <- err
			_, err = cloud.Servers.Wait(ctx, byName)
			errs <- err
			for _, err := range states {
				errs <- err
			}
			got, err := names(ctx, cloud.Servers)
			if errs <- err; got != "a b" {
				errs <- fmt.Errorf("listed %q", got)
			}
			_, err = take(watch, 3)
			errs <- err
			client.At(&pb.Location{Cloud: "two"}).Location()
		})
	}
	group.Wait()
	close(errs)
	for err := range errs {
		fine(t, err)
	}
	ids := map[string]bool{}
	for _, call := range f.calls("CreateServer") {
		ids[call.request.(*pb.CreateServerRequest).GetRequestId()] = true
	}
	same(t, len(ids), 64)
}

func TestNoCallLeavesAGoroutineBehind(t *testing.T) {
	ctx, f, client := start(t)
	f.answer("ListServers", endless(batch("a", "b")))
	f.answer("GetServer", reply(&pb.GetServerResponse{Server: web}))
	f.answer("WatchServers", endless(everything(one, "a")...))
	f.answer("WaitServer", breaks(away, pending), endless(pending))
	// The connection has goroutines of its own, which are there after the first call.
	_, err := client.Servers.Get(ctx, nil)
	fine(t, err)
	before := goleak.IgnoreCurrent()
	leave := map[string]func(context.Context, oaktree.Servers){
		"a list that is left": func(ctx context.Context, servers oaktree.Servers) {
			for range servers.List(ctx, nil) {
				break
			}
		},
		"a list that panics": func(ctx context.Context, servers oaktree.Servers) {
			defer func() { _ = recover() }()
			for range servers.List(ctx, nil) {
				panic("in the loop")
			}
		},
		"a watch that is left": func(ctx context.Context, servers oaktree.Servers) {
			_, _ = take(servers.Watch(ctx, nil), 2)
		},
		"a wait that is left after a loss": func(ctx context.Context, servers oaktree.Servers) {
			ctx, cancel := context.WithCancel(ctx)
			defer cancel()
			for range servers.WaitStates(ctx, byName) {
				cancel()
			}
		},
		"an iterator nobody ranges over": func(ctx context.Context, servers oaktree.Servers) {
			servers.List(ctx, nil)
			servers.Watch(ctx, nil)
		},
	}
	for name, leave := range leave {
		leave(ctx, client.Servers)
		if err := goleak.Find(before); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
